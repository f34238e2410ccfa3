package dev.skein;

import java.time.Duration;

/**
 * One thing that happened to a request.
 *
 * @param kind what it tells
 * @param reason with DONE and SAMPLE_DONE
 * @param request as it was submitted
 * @param userData as set on the request
 * @param token with TOKEN
 * @param status with ERROR, and with SAMPLE_DONE of a sample that failed
 * @param textBytes complete UTF-8 sequences as far as the model writes UTF-8; with a failure the message
 * @param numPromptTokens read so far
 * @param numTokens generated so far in the sample; in terminal events in all samples
 * @param position of the sample's stream
 * @param logprob of the token; NaN unless the options logprobs or best_of ask for it
 * @param sample the sample's index
 * @param numCachedTokens the part of numPromptTokens that was not computed
 * @param queueMicros from submit to the first step
 * @param prefillMicros from there to the end of the prompt
 * @param decodeMicros from there on
 * @param logprobSum of the sample's tokens so far; NaN as logprob
 * @param cache what the prefix cache had for the prompt
 */
public record Event(
    Kind kind,
    Reason reason,
    Request request,
    long userData,
    int token,
    Status status,
    byte[] textBytes,
    long numPromptTokens,
    long numTokens,
    long position,
    float logprob,
    int sample,
    long numCachedTokens,
    long queueMicros,
    long prefillMicros,
    long decodeMicros,
    double logprobSum,
    Cache cache) {

  /** What an event tells. DONE, ERROR and CANCELLED are the end of their request. */
  public enum Kind {
    /** One token was generated. Its text may be empty, because it is held back, or cover earlier tokens. */
    TOKEN,
    /** The text is whole; the event has the rest of it, which was held back. */
    DONE,
    /** The request failed; the text is the message. */
    ERROR,
    /** Somebody ended the request. */
    CANCELLED,
    /** One of several samples has ended, or failed alone. */
    SAMPLE_DONE
  }

  /** Why a request or a sample is done. */
  public enum Reason {
    /** The event is not the end of a text, or ends it with an error or a cancel. */
    NONE,
    /** A stop token or the end of text was sampled, which is not part of the output. */
    STOP_TOKEN,
    /** A stop string appeared; it and what follows are not part of the text. */
    STOP_TEXT,
    /** max_tokens were generated. */
    LENGTH
  }

  /** What the model's prefix cache had for a prompt; request.h of the ABI says more. */
  public enum Cache {
    /** The request has not begun. */
    UNKNOWN,
    /** numCachedTokens were not computed. */
    HIT,
    /** The option prefix_cache of the model or of the request is 0. */
    OFF,
    /** The stream has left the place where it started. */
    NOT_AT_START,
    /** No prompt that begins alike is known. */
    COLD,
    /** One is, but no state is kept where this one parts from it. */
    NO_STATE,
    /** A state that would have served was dropped for others. */
    EVICTED,
    /** prompt_logprobs needs the logits behind every token. */
    ROWS
  }

  /** {@return the text, where U+FFFD stands for what is not UTF-8} */
  public String text() {
    return Text.of(textBytes);
  }

  /** {@return whether it is its request's last event} */
  public boolean isTerminal() {
    return kind == Kind.DONE || kind == Kind.ERROR || kind == Kind.CANCELLED;
  }

  /** {@return whether its text was written by the model} */
  public boolean hasText() {
    return status == Status.OK && textBytes.length > 0;
  }

  /** {@return the time since the request was submitted} */
  public Duration elapsed() {
    return Duration.ofNanos(1000 * (queueMicros + prefillMicros + decodeMicros));
  }

  /** The failure that it tells of, or null. */
  SkeinException failure() {
    if (kind == Kind.CANCELLED) return new SkeinException(Status.CANCELLED, "the request was cancelled", 0);
    return status == Status.OK ? null : new SkeinException(status, text(), 0);
  }
}
