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

  /** Dimensions; letters are those of the RWKV papers. {@code trainedLength} 0: unknown. */
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

  public Info info() {
    Struct s = new Struct(16, 4);
    run(m -> Native.modelGetInfo(m, s.numbers, s.texts));
    long[] n = s.numbers;
    return new Info(
        s.integer(0), s.integer(1), s.integer(2), s.integer(3), s.integer(4), s.integer(5), s.integer(6),
        s.integer(7), s.integer(8), n[9], n[10], n[11], n[12], s.truth(13), s.integer(14), n[15],
        s.text(0), s.text(1), s.text(2), s.text(3));
  }

  /** Opens the tokenizer of the model. NOT_FOUND: it has none. */
  public Tokenizer openTokenizer() {
    return call(m -> new Tokenizer(Native.modelTokenizer(m)));
  }

  /** Makes a stream in the initial state of the model. */
  public Stream newStream() {
    return newStream(null);
  }

  public Stream newStream(Map<String, ?> options) {
    return call(
        m -> Options.with(Options.Kind.STREAM, options, o -> new Stream(runtime, Native.streamCreate(m, o))));
  }

  /** Reads a file of {@link Prefix#save} or {@link Stream#save}. */
  public Prefix loadPrefix(String path) {
    byte[] p = Text.terminated("path", path);
    return call(m -> new Prefix(runtime, Native.prefixLoad(m, p)));
  }

  /** Renders messages with the model's template. */
  public String chatPrompt(List<Message> messages, Map<String, ?> options) {
    byte[][] roles = Message.roles(messages);
    byte[][] texts = Message.texts(messages);
    return call(
        m -> Options.with(Options.Kind.CHAT, options, o -> Text.of(Native.modelChatPrompt(m, roles, texts, o))));
  }

  /** Sets the policy of a tenant; null gives it the defaults again. "" is the common tenant. */
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

  /** A load, and the limits that hold. {@code maxQueuedTokens} -1: no bound, as no step was measured. */
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

  /** The load of the whole model. */
  public Load load() {
    return loadOf(null);
  }

  /** The load of one tenant. */
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

  /** One stream's part of an eval. */
  public record EvalItem(Stream stream, int[] tokens, Output output) {}

  /** What an eval gave: rows of {@code width} numbers, in memory that the library wrote to. */
  public record Evaluation(Status status, FloatBuffer rows, int width) {}

  /**
   * Feeds tokens to streams of this model, each stream at most once, as one batch, and waits. A stream
   * whose item failed is where it was.
   *
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

  /** One text to score behind a stream, which is read and not moved. */
  public record ScoreItem(Stream stream, int[] tokens, int top, int priority) {
    public ScoreItem(Stream stream, int[] tokens) {
      this(stream, tokens, 0, 0);
    }
  }

  /**
   * What the model says of a text: the log-probability of each token (the first is NaN unless the stream
   * has a pending token), the most probable ones in the place of each, how many are numbers, their sum.
   */
  public record Score(
      Status status, float[] logprobs, Logprob[][] top, long numScored, double logprob) {}

  /**
   * Scores many texts in one call, and waits.
   *
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

  /** Which rows of a text make its embedding: the last one, or the mean of all. */
  public enum Pooling {
    LAST,
    MEAN
  }

  /** One text to embed: tokens, or if they are null a text; behind a stream, or null: the initial state. */
  public record EmbedItem(
      Stream stream, int[] tokens, String text, Pooling pooling, boolean normalise, int priority, String tenant) {
    public EmbedItem(String text) {
      this(null, null, text, Pooling.MEAN, true, 0, null);
    }
  }

  /** What an item gave: dModel numbers, and how many tokens its text has. */
  public record Embedding(Status status, float[] vector, long numRead) {}

  /**
   * Computes embeddings of many texts in one call, and waits.
   *
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
