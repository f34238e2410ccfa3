package dev.skein;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A prompt with sampling and stops, to be submitted once. Closing it does not end it; {@link #cancel}
 * does. One that a {@link Generation} reads is ended by either.
 */
public final class Request extends Handle {
  /** Stands for the prompt in place of the index of a sample. */
  public static final int PROMPT = -1;

  final Stream stream; // a stream that the collector released would end the request
  final AtomicReference<Listener> listener = new AtomicReference<>(); // where a dispatcher runs it
  private volatile Map<String, ?> options = Map.of();

  Request(Stream stream, long number) {
    super(number, Native::requestRelease);
    this.stream = stream;
  }

  /**
   * Sets the prompt as text, which needs the model's tokenizer.
   *
   * @param text an empty one continues from the stream's last token
   */
  public void setPrompt(String text) {
    run(r -> Native.requestSetPrompt(r, Text.bytes(text)));
  }

  /**
   * Sets the prompt as tokens.
   *
   * @param tokens ids below vocabSize; none continue from the stream's last token
   */
  public void setPrompt(int... tokens) {
    run(r -> Native.requestSetPromptTokens(r, tokens));
  }

  /**
   * Sets the prompt to what {@link Model#chatPrompt} gives, and adds the stops that end the answer.
   *
   * @param messages the conversation
   * @param options of {@link Options.Kind#CHAT}; null: none
   */
  public void setChat(List<Message> messages, Map<String, ?> options) {
    byte[][] roles = Message.roles(messages);
    byte[][] texts = Message.texts(messages);
    run(
        r ->
            Options.with(
                Options.Kind.CHAT,
                options,
                o -> {
                  Native.requestSetChat(r, roles, texts, o);
                  return null;
                }));
  }

  /**
   * Sets sampling and limits. Keys that are not set have the model's defaults again.
   *
   * @param options null: none
   */
  public void setOptions(Map<String, ?> options) {
    Map<String, ?> copy = options == null ? Map.of() : new TreeMap<>(options);
    run(
        r ->
            Options.made(
                Options.Kind.REQUEST,
                copy,
                o -> {
                  Native.requestSetOptions(r, o);
                  return null;
                }));
    this.options = copy;
  }

  /** Those of the last {@link #setOptions}. */
  Map<String, ?> options() {
    return options;
  }

  /**
   * Submits the request, and delivers its text as it comes. The generation closes it. The runtime must
   * be open.
   *
   * @return the text, to be closed
   */
  public Generation start() {
    return Generation.start(this);
  }

  /**
   * Adds a string that ends the text in front of it.
   *
   * @param text found across the borders of tokens; not empty
   */
  public void addStop(String text) {
    run(r -> Native.requestAddStop(r, Text.bytes(text)));
  }

  /**
   * Adds a token that ends the text in front of it.
   *
   * @param token an id below vocabSize
   */
  public void addStopToken(int token) {
    run(r -> Native.requestAddStopToken(r, token));
  }

  /**
   * Adds to the logit of a token, before it is filtered.
   *
   * @param token an id below vocabSize
   * @param bias the last one of a token counts; minus infinity bans it
   */
  public void setLogitBias(int token, float bias) {
    run(r -> Native.requestSetLogitBias(r, token, bias));
  }

  /**
   * Sets a number of the caller's own, which every event of the request carries.
   *
   * @param number 0 if it is not set
   */
  public void setUserData(long number) {
    run(r -> Native.requestSetUserData(r, number));
  }

  @Override
  public void close() {
    // Its generation could not end it any more, nor acknowledge what it waits for.
    if (listener.get() != null) cancelQuietly();
    super.close();
  }

  /** Asks the request to end at the next step. */
  public void cancel() {
    run(Native::requestCancel);
  }

  /** For what may have ended already. */
  void cancelQuietly() {
    try {
      cancel();
    } catch (SkeinException closed) {
      // Its handle is closed: it has ended, or somebody else has seen to that.
    }
  }

  /**
   * Says that tokens of a request with the option window were dealt with. A {@link Generation} does so.
   *
   * @param numTokens at most those that were delivered and not acknowledged
   */
  public void acknowledge(long numTokens) {
    run(r -> Native.requestAcknowledge(r, numTokens));
  }

  /**
   * The log-probabilities of a sample's tokens from the first one on: for each a row with the token
   * itself, then the most probable ones in its place. They are kept while this is open.
   *
   * @param sample the index of the sample, or {@link #PROMPT}
   * @param first the index of the first token
   * @param numTokens all of them must be there
   * @return numTokens rows of one length
   */
  public Logprob[][] logprobs(int sample, long first, int numTokens) {
    return Logprob.rows(call(r -> Native.requestLogprobs(r, sample, first, numTokens)), numTokens);
  }

  /**
   * Takes the stream of a sample, once, after the request has ended.
   *
   * @param sample another than the one that the request's stream goes on from
   * @return the stream, to be closed
   */
  public Stream takeSample(int sample) {
    return call(r -> new Stream(stream.runtime, Native.requestTakeSample(r, sample)));
  }
}
