package dev.skein;

/**
 * A token and its probability.
 *
 * @param token its id; {@link #NO_TOKEN} where there is none
 * @param logprob the natural logarithm of the probability; NaN where there is none
 */
public record Logprob(int token, float logprob) {
  /** The most that the options logprobs and {@link Model.ScoreItem#top} may be. */
  public static final int MAX_TOP = 64;

  /** Stands where there is no token. */
  public static final int NO_TOKEN = -1;

  /** Cuts pairs of a token and the bits of its logarithm into rows. */
  static Logprob[][] rows(int[] pairs, int numRows) {
    int width = numRows == 0 ? 0 : pairs.length / 2 / numRows;
    Logprob[][] rows = new Logprob[numRows][width];
    for (int i = 0; i < numRows * width; i++) {
      rows[i / width][i % width] = new Logprob(pairs[2 * i], Float.intBitsToFloat(pairs[2 * i + 1]));
    }
    return rows;
  }
}
