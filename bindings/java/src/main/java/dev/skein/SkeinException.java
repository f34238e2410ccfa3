package dev.skein;

import java.time.Duration;

/** A call that failed. */
public class SkeinException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** What kind of failure it is. */
  private final Status status;

  /** Milliseconds; 0 where that is not known. */
  private final long retryAfterMillis;

  SkeinException(Status status, String message, long retryAfterMillis) {
    super(message);
    this.status = status;
    this.retryAfterMillis = retryAfterMillis;
  }

  /** What the native half throws. */
  SkeinException(int code, byte[] message, long retryAfterMillis) {
    this(Status.of(code), Text.of(message), retryAfterMillis);
  }

  /** {@return what kind of failure it is; never OK} */
  public Status status() {
    return status;
  }

  /** {@return with RESOURCE_EXHAUSTED, when trying again makes sense; zero where that is not known} */
  public Duration retryAfter() {
    return Duration.ofMillis(retryAfterMillis);
  }

  @Override
  public String toString() {
    return getClass().getName() + ": " + status + ": " + getMessage();
  }
}
