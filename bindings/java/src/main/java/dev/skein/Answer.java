package dev.skein;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ForkJoinPool;

/** The whole text of a request, as a future. */
final class Answer implements Listener {
  private final CompletableFuture<String> future = new CompletableFuture<>();
  private final StringBuilder text = new StringBuilder();

  private Answer() {}

  static CompletableFuture<String> start(Stream stream, String prompt, Map<String, ?> options) {
    Answer answer = new Answer();
    Request request = stream.newRequest(prompt, options);
    try {
      stream.runtime.dispatcher().start(request, answer);
    } catch (RuntimeException e) {
      request.close();
      throw e;
    }
    // Whoever completes the future ends the request: its own end, cancel, orTimeout, complete.
    answer.future.whenComplete(
        (text, failure) -> {
          request.cancelQuietly();
          request.close();
        });
    return answer.future;
  }

  @Override
  public void accept(Event event) {
    if (event.hasText()) text.append(event.text());
    if (event.isTerminal()) finish(event.failure());
  }

  @Override
  public void fail(SkeinException cause) {
    finish(cause);
  }

  /** Code that depends on the future may wait for other generations; the dispatcher's thread must not. */
  private void finish(SkeinException failure) {
    ForkJoinPool.commonPool()
        .execute(() -> {
          if (failure == null) {
            future.complete(text.toString());
          } else {
            future.completeExceptionally(failure);
          }
        });
  }
}
