package dev.skein;

/** Turns text into tokens and back. */
public final class Tokenizer extends Handle {
  Tokenizer(long number) {
    super(number, Native::tokenizerRelease);
  }

  /**
   * What a tokenizer is.
   *
   * @param vocabSize ids are below it
   * @param kind "world", "bpe" or "bytes"
   * @param origin "given", "model", "beside" or "box"
   * @param path of the vocabulary, or of the model that holds it; or a name, where no file is needed
   */
  public record Info(int vocabSize, String kind, String origin, String path) {}

  /** {@return what the tokenizer is} */
  public Info info() {
    Struct s = new Struct(1, 3);
    run(t -> Native.tokenizerGetInfo(t, s.numbers, s.texts));
    return new Info(s.integer(0), s.text(0), s.text(1), s.text(2));
  }

  /**
   * {@return the tokens of a text}
   *
   * @param text a lone surrogate counts as "?"
   */
  public int[] encode(String text) {
    return encode(Text.bytes(text));
  }

  /**
   * {@return the tokens of any bytes}
   *
   * @param text valid UTF-8 or not
   */
  public int[] encode(byte[] text) {
    return call(t -> Native.tokenizerEncode(t, text));
  }

  /**
   * {@return the text of tokens, where U+FFFD stands for what is not UTF-8}
   *
   * @param tokens ids below vocabSize
   */
  public String decode(int... tokens) {
    return Text.of(decodeBytes(tokens));
  }

  /**
   * {@return the bytes of tokens, which may end inside a UTF-8 sequence}
   *
   * @param tokens ids below vocabSize
   */
  public byte[] decodeBytes(int... tokens) {
    return call(t -> Native.tokenizerDecode(t, tokens));
  }
}
