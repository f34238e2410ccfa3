package dev.skein;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A loaded model. It never changes, and all of its streams share it. */
public final class Model extends Handle {
  final Runtime runtime;

  Model(Runtime runtime, long number) {
    super(number, Native::modelRelease);
    this.runtime = runtime;
  }

  /**
   * Dimensions; letters are those of the RWKV papers.
   *
   * @param generation 7 for RWKV-7
   * @param variant within generation 5: 0, 1 or 2 for RWKV-5.0, 5.1, 5.2
   * @param numLayers L
   * @param dModel C
   * @param dFfn F
   * @param dAtt A, the width of the time-mix
   * @param vocabSize V, rows of logits
   * @param numHeads H
   * @param headSize N
   * @param numParameters elements of all tensors
   * @param weightsBytes in the types that the devices were given
   * @param embeddingBytes the embedding's part of weightsBytes
   * @param numStateFloats of one stream in canonical layout
   * @param hasTokenizer whether {@link #openTokenizer} gives one
   * @param endToken end of text
   * @param trainedLength tokens of the longest text that it was trained with; 0: unknown
   * @param name the one in the file, or else the file's
   * @param device where the layers run, in the form of the option device
   * @param type of the matrices as computed
   * @param chatTemplate the name of the template of its conversations; "" if none is known
   */
  public record Info(
      int generation,
      int variant,
      int numLayers,
      int dModel,
      int dFfn,
      int dAtt,
      int vocabSize,
      int numHeads,
      int headSize,
      long numParameters,
      long weightsBytes,
      long embeddingBytes,
      long numStateFloats,
      boolean hasTokenizer,
      int endToken,
      long trainedLength,
      String name,
      String device,
      String type,
      String chatTemplate) {}

  /** {@return the dimensions} */
  public Info info() {
    Struct s = new Struct(16, 4);
    run(m -> Native.modelGetInfo(m, s.numbers, s.texts));
    long[] n = s.numbers;
    return new Info(
        s.integer(0), s.integer(1), s.integer(2), s.integer(3), s.integer(4), s.integer(5), s.integer(6),
        s.integer(7), s.integer(8), n[9], n[10], n[11], n[12], s.truth(13), s.integer(14), n[15],
        s.text(0), s.text(1), s.text(2), s.text(3));
  }

  /**
   * Opens the tokenizer of the model. NOT_FOUND: it has none.
   *
   * @return the tokenizer, to be closed
   */
  public Tokenizer openTokenizer() {
    return call(m -> new Tokenizer(Native.modelTokenizer(m)));
  }

  /**
   * Makes a stream in the initial state of the model.
   *
   * @return the stream, to be closed
   */
  public Stream newStream() {
    return newStream(null);
  }

  /**
   * As {@link #newStream()}, with options.
   *
   * @param options null: none
   * @return the stream, to be closed
   */
  public Stream newStream(Map<String, ?> options) {
    return call(
        m -> Options.with(Options.Kind.STREAM, options, o -> new Stream(runtime, Native.streamCreate(m, o))));
  }

  /**
   * Reads a file of {@link Prefix#save} or {@link Stream#save}.
   *
   * @param path of the file
   * @return the prefix, to be closed
   */
  public Prefix loadPrefix(String path) {
    byte[] p = Text.terminated("path", path);
    return call(m -> new Prefix(runtime, Native.prefixLoad(m, p)));
  }

  /**
   * Renders messages with the model's template. FAILED_PRECONDITION: it has none, and none is named.
   *
   * @param messages if the last is not the assistant's, the opening of the assistant's turn follows
   * @param options null: none
   * @return the prompt
   */
  public String chatPrompt(List<Message> messages, Map<String, ?> options) {
    byte[][] roles = Message.roles(messages);
    byte[][] texts = Message.texts(messages);
    return call(
        m -> Options.with(Options.Kind.CHAT, options, o -> Text.of(Native.modelChatPrompt(m, roles, texts, o))));
  }

  /**
   * Sets the policy of a tenant.
   *
   * @param name at most 255 bytes; "" is the common tenant
   * @param options null: the defaults again
   */
  public void setTenant(String name, Map<String, ?> options) {
    byte[] n = Text.terminated("tenant", name);
    run(
        m ->
            Options.with(
                Options.Kind.TENANT,
                options,
                o -> {
                  Native.modelSetTenant(m, n, o);
                  return null;
                }));
  }

  /**
   * A load, and the limits that hold.
   *
   * @param numTenants of the model: those with streams or a policy
   * @param queuedTokens that wait to be read
   * @param maxQueuedTokens the bound at present; -1: none, because no step was measured yet
   * @param numWaiting requests and evals that had no step yet
   * @param numRunning those that had one and have not ended
   * @param maxRunning the bound of numRunning; 0: none
   * @param numStreams of the model
   * @param maxStreams of the model
   * @param maxBatchTokens of a step
   * @param weight of the tenant; 0 for the model
   * @param promptTokensPerSecond that the model reads at present; 0: not measured yet
   */
  public record Load(
      int numTenants,
      long queuedTokens,
      long maxQueuedTokens,
      int numWaiting,
      int numRunning,
      int maxRunning,
      int numStreams,
      int maxStreams,
      int maxBatchTokens,
      double weight,
      double promptTokensPerSecond) {}

  /** {@return the load of the whole model} */
  public Load load() {
    return loadOf(null);
  }

  /**
   * {@return the load of one tenant}
   *
   * @param name one that is not known has no load
   */
  public Load tenantLoad(String name) {
    return loadOf(Text.terminated("tenant", name));
  }

  private Load loadOf(byte[] name) {
    Struct s = new Struct(11, 0);
    run(m -> Native.modelGetLoad(m, name, s.numbers));
    return new Load(
        s.integer(0), s.numbers[1], s.numbers[2], s.integer(3), s.integer(4), s.integer(5), s.integer(6),
        s.integer(7), s.integer(8), s.real(9), s.real(10));
  }

  // --- many items in one call ---

  /** What an eval writes for a stream. */
  public enum Output {
    /** Nothing. */
    NONE,
    /** One row of vocabSize, after the last token. */
    LAST_LOGITS,
    /** Such a row after every token. */
    ALL_LOGITS,
    /** One row of dModel, after the last norm. */
    LAST_HIDDEN,
    /** Such a row for every token. */
    ALL_HIDDEN
  }

  /**
   * One stream's part of an eval.
   *
   * @param stream of this model
   * @param tokens one at least
   * @param output what is written
   */
  public record EvalItem(Stream stream, int[] tokens, Output output) {}

  /**
   * What an eval gave.
   *
   * @param status how the item ended
   * @param rows row-major, in direct memory that the library wrote to
   * @param width of a row; 0 with {@link Output#NONE}
   */
  public record Evaluation(Status status, FloatBuffer rows, int width) {}

  /**
   * Feeds tokens to streams of this model, each stream at most once, as one batch, and waits. A stream
   * whose item failed is where it was.
   *
   * @param items of which each ends on its own
   * @return one for each item, in their order
   * @throws BatchException some items failed
   */
  public List<Evaluation> eval(List<EvalItem> items) {
    Info info = info();
    int count = items.size();
    int[] widths = new int[count];
    int[] kinds = new int[count];
    long[] numOutputs = new long[count];
    for (int i = 0; i < count; i++) {
      EvalItem item = items.get(i);
      kinds[i] = item.output.ordinal();
      boolean logits = item.output == Output.LAST_LOGITS || item.output == Output.ALL_LOGITS;
      boolean all = item.output == Output.ALL_LOGITS || item.output == Output.ALL_HIDDEN;
      widths[i] = item.output == Output.NONE ? 0 : logits ? info.vocabSize : info.dModel;
      numOutputs[i] = (long) widths[i] * (all ? item.tokens.length : 1);
    }
    Batch<EvalItem> batch = new Batch<>(items, EvalItem::stream, EvalItem::tokens);
    ByteBuffer outputs = Batch.room(numOutputs, 4);
    int[] statuses = new int[count];
    return batch.run(
        () ->
            run(
                m ->
                    Native.eval(
                        m, batch.streams, batch.tokens, batch.numTokens, kinds, outputs, numOutputs, statuses)),
        () -> {
          List<Evaluation> results = new ArrayList<>();
          int at = 0;
          for (int i = 0; i < count; i++) {
            int size = (int) numOutputs[i];
            results.add(new Evaluation(Status.of(statuses[i]), outputs.asFloatBuffer().slice(at, size), widths[i]));
            at += size;
          }
          return results;
        });
  }

  /**
   * One text to score.
   *
   * @param stream is read and not moved; the text comes behind it
   * @param tokens one at least
   * @param top how many of the most probable tokens are wanted in the place of each, 0 to
   *     {@link Logprob#MAX_TOP}
   * @param priority -8 to 8; the higher goes first
   */
  public record ScoreItem(Stream stream, int[] tokens, int top, int priority) {
    /**
     * As (stream, tokens, 0, 0).
     *
     * @param stream is read and not moved
     * @param tokens one at least
     */
    public ScoreItem(Stream stream, int[] tokens) {
      this(stream, tokens, 0, 0);
    }
  }

  /**
   * What the model says of a text.
   *
   * @param status how the item ended
   * @param logprobs of each token, given those before it; the first is NaN unless the stream has a
   *     pending token
   * @param top the most probable tokens in the place of each, falling
   * @param numScored the tokens whose log-probability is a number
   * @param logprob the sum of these
   */
  public record Score(
      Status status, float[] logprobs, Logprob[][] top, long numScored, double logprob) {}

  /**
   * Scores many texts in one call, and waits.
   *
   * @param items of which each ends on its own
   * @return one for each item, in their order
   * @throws BatchException some items failed
   */
  public List<Score> score(List<ScoreItem> items) {
    Batch<ScoreItem> batch = new Batch<>(items, ScoreItem::stream, ScoreItem::tokens);
    int count = items.size();
    long[] sizes = new long[count];
    int[] numTop = items.stream().mapToInt(ScoreItem::top).toArray();
    for (int i = 0; i < count; i++) {
      // More than there may be is refused before anything is written.
      sizes[i] = batch.numTokens[i] * Math.min(Integer.toUnsignedLong(numTop[i]), Logprob.MAX_TOP);
    }
    ByteBuffer logprobs = Batch.room(batch.numTokens, 4);
    ByteBuffer top = Batch.room(sizes, 8);
    int[] priorities = items.stream().mapToInt(ScoreItem::priority).toArray();
    int[] statuses = new int[count];
    long[] scored = new long[count];
    double[] sums = new double[count];
    return batch.run(
        () ->
            run(
                m ->
                    Native.score(
                        m, batch.streams, batch.tokens, batch.numTokens, numTop, priorities, logprobs, top,
                        statuses, scored, sums)),
        () -> {
          List<Score> results = new ArrayList<>();
          for (int i = 0; i < count; i++) {
            float[] own = new float[(int) batch.numTokens[i]];
            logprobs.asFloatBuffer().get(own);
            logprobs.position(logprobs.position() + 4 * own.length);
            int[] pairs = new int[(int) (2 * sizes[i])];
            top.asIntBuffer().get(pairs);
            top.position(top.position() + 4 * pairs.length);
            Logprob[][] rows = Logprob.rows(pairs, own.length);
            results.add(new Score(Status.of(statuses[i]), own, rows, scored[i], sums[i]));
          }
          return results;
        });
  }

  /** Which rows of a text make its embedding. */
  public enum Pooling {
    /** The last row. */
    LAST,
    /** The mean of all rows. */
    MEAN
  }

  /**
   * One text to embed.
   *
   * @param stream what the text comes behind; null: the initial state
   * @param tokens null: text is given
   * @param text of no meaning where there are tokens; it needs the model's tokenizer
   * @param pooling which rows count
   * @param normalise to length 1, as cosines want it
   * @param priority -8 to 8; the higher goes first
   * @param tenant of an item without a stream; null: the common one
   */
  public record EmbedItem(
      Stream stream, int[] tokens, String text, Pooling pooling, boolean normalise, int priority, String tenant) {
    /**
     * A text by itself: the mean of its rows, of length 1.
     *
     * @param text one token at least
     */
    public EmbedItem(String text) {
      this(null, null, text, Pooling.MEAN, true, 0, null);
    }
  }

  /**
   * What an item gave.
   *
   * @param status how the item ended
   * @param vector dModel numbers
   * @param numRead the tokens of the text
   */
  public record Embedding(Status status, float[] vector, long numRead) {}

  /**
   * Computes embeddings of many texts in one call, and waits.
   *
   * @param items of which each ends on its own
   * @return one for each item, in their order
   * @throws BatchException some items failed
   */
  public List<Embedding> embed(List<EmbedItem> items) {
    int count = items.size();
    int width = info().dModel;
    Batch<EmbedItem> batch =
        new Batch<>(items, EmbedItem::stream, i -> i.tokens == null ? new int[0] : i.tokens);
    byte[][] texts = new byte[count][];
    byte[][] tenants = new byte[count][];
    for (int i = 0; i < count; i++) {
      EmbedItem item = items.get(i);
      if (item.tokens == null) texts[i] = Text.bytes(item.text == null ? "" : item.text);
      if (item.tenant != null) tenants[i] = Text.terminated("tenant", item.tenant);
    }
    int[] pooling = items.stream().mapToInt(i -> i.pooling.ordinal()).toArray();
    int[] normalise = items.stream().mapToInt(i -> i.normalise ? 1 : 0).toArray();
    int[] priorities = items.stream().mapToInt(EmbedItem::priority).toArray();
    ByteBuffer vectors = Batch.room(new long[] {(long) count * width}, 4);
    int[] statuses = new int[count];
    long[] numRead = new long[count];
    return batch.run(
        () ->
            run(
                m ->
                    Native.embed(
                        m, batch.streams, batch.tokens, batch.numTokens, texts, tenants, pooling, normalise,
                        priorities, vectors, width, statuses, numRead)),
        () -> {
          List<Embedding> results = new ArrayList<>();
          for (int i = 0; i < count; i++) {
            float[] own = new float[width];
            vectors.asFloatBuffer().get(i * width, own);
            results.add(new Embedding(Status.of(statuses[i]), own, numRead[i]));
          }
          return results;
        });
  }
}
