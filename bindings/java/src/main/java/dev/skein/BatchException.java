package dev.skein;

import java.util.List;

/** A call with many items of which some failed. The first failure is its status. */
public final class BatchException extends SkeinException {
  private static final long serialVersionUID = 1;

  private final transient List<?> results;

  BatchException(SkeinException first, List<?> results) {
    super(first.status(), first.getMessage(), first.retryAfter().toMillis());
    this.results = results;
    initCause(first);
  }

  /** {@return what the call would have returned: each result says how its item ended} */
  public List<?> results() {
    return results;
  }
}
