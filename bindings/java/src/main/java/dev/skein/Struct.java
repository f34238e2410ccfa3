package dev.skein;

/** A struct of the ABI as the native half gives it: its numbers and its texts, in a fixed order. */
final class Struct {
  final long[] numbers;
  final byte[][] texts;

  Struct(int numNumbers, int numTexts) {
    numbers = new long[numNumbers];
    texts = new byte[numTexts][];
  }

  int integer(int index) {
    return (int) numbers[index];
  }

  boolean truth(int index) {
    return numbers[index] != 0;
  }

  double real(int index) {
    return Double.longBitsToDouble(numbers[index]);
  }

  String text(int index) {
    return Text.of(texts[index]);
  }
}
