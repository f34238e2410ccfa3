package dev.skein;

/** Turns text into tokens and back. */
public final class Tokenizer extends Handle {
  Tokenizer(long number) {
    super(number, Native::tokenizerRelease);
  }

  /** Ids are below vocabSize. {@code origin}: "given", "model", "beside" or "box". */
  public record Info(int vocabSize, String kind, String origin, String path) {}

  public Info info() {
    Struct s = new Struct(1, 3);
    run(t -> Native.tokenizerGetInfo(t, s.numbers, s.texts));
    return new Info(s.integer(0), s.text(0), s.text(1), s.text(2));
  }

  public int[] encode(String text) {
    return encode(Text.bytes(text));
  }

  /** The tokens of any bytes, valid UTF-8 or not. */
  public int[] encode(byte[] text) {
    return call(t -> Native.tokenizerEncode(t, text));
  }

  /** The text of tokens, where U+FFFD stands for what is not UTF-8. */
  public String decode(int... tokens) {
    return Text.of(decodeBytes(tokens));
  }

  /** The bytes of tokens. They may end inside a UTF-8 sequence. */
  public byte[] decodeBytes(int... tokens) {
    return call(t -> Native.tokenizerDecode(t, tokens));
  }
}
