package dev.skein;

import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.StreamSupport;

/**
 * A request that runs, and its text as it comes. A reader that is slow slows nothing but its own
 * request. Close it to stop reading: that cancels the request and waits until it has ended, for a step
 * at most. One thread reads.
 */
public final class Generation implements AutoCloseable, Iterable<Event> {
  /** Tokens that wait to be read at most, if the options do not say. */
  private static final int WINDOW = 256;

  private final Request request;
  private final int acknowledgeAt; // tokens that are read until the request is told; 0: never
  private int numRead;
  private boolean ended; // the reader has seen the end
  private final BlockingQueue<Object> events = new LinkedBlockingQueue<>(); // an Event or a SkeinException
  private final CountDownLatch finished = new CountDownLatch(1);

  private final Answer answer; // of completeAsync, else null
  private final StringBuilder text = new StringBuilder(); // of the dispatcher's thread

  private Generation(Request request, int acknowledgeAt, Answer answer) {
    this.request = request;
    this.acknowledgeAt = acknowledgeAt;
    this.answer = answer;
  }

  static Generation start(Stream stream, String prompt, Map<String, ?> options, boolean async) {
    Dispatcher dispatcher = stream.runtime.dispatcher();
    Request request = stream.newRequest();
    try {
      Map<String, Object> all = new TreeMap<>();
      if (options != null) all.putAll(options);
      int acknowledgeAt = all.containsKey("window") ? 1 : WINDOW / 8;
      if (!async) all.putIfAbsent("window", WINDOW);
      request.setPrompt(prompt);
      request.setOptions(all);
      Generation generation = new Generation(request, acknowledgeAt, async ? new Answer(request) : null);
      request.listener = generation;
      dispatcher.submit(request);
      return generation;
    } catch (RuntimeException e) {
      request.close();
      throw e;
    }
  }

  /** The request, for log-probabilities and samples; it is open until this is closed. */
  public Request request() {
    return request;
  }

  // --- the dispatcher's side ---

  void accept(Event event) {
    if (answer != null) {
      if (event.hasText()) text.append(event.text());
      if (event.isTerminal()) finish(event.failure());
    } else {
      events.add(event);
      if (event.isTerminal()) finished.countDown();
    }
  }

  void fail(SkeinException cause) {
    events.add(cause);
    finish(cause);
  }

  private void finish(SkeinException failure) {
    finished.countDown();
    if (answer == null) return;
    request.close();
    // Code that depends on the future may wait for other generations. This thread must not.
    ForkJoinPool.commonPool().execute(() -> answer.finish(failure, text));
  }

  // --- the reader's side ---

  CompletableFuture<String> future() {
    return answer;
  }

  /** A future whose cancellation reaches the request. */
  private static final class Answer extends CompletableFuture<String> {
    private final Request request;

    Answer(Request request) {
      this.request = request;
    }

    void finish(SkeinException failure, StringBuilder text) {
      if (failure == null) {
        complete(text.toString());
      } else {
        completeExceptionally(failure);
      }
    }

    @Override
    public boolean cancel(boolean mayInterrupt) {
      boolean cancelled = super.cancel(mayInterrupt);
      if (cancelled) cancelQuietly(request);
      return cancelled;
    }
  }

  private static void cancelQuietly(Request request) {
    try {
      request.cancel();
    } catch (SkeinException closed) {
      // It has ended, or its handle is closed and so is its end known.
    }
  }

  /**
   * The next event. A failure, a cancel and an interrupt are thrown in its place; the latter cancels the
   * request.
   */
  private Event next() {
    Object next;
    try {
      next = events.take();
    } catch (InterruptedException e) {
      cancelQuietly(request);
      Thread.currentThread().interrupt();
      throw new SkeinException(Status.CANCELLED, "the reader was interrupted", 0);
    }
    ended = next instanceof SkeinException || ((Event) next).isTerminal();
    if (next instanceof SkeinException e) throw e;
    Event event = (Event) next;
    if (event.isTerminal() && event.failure() != null) throw event.failure();
    if (event.kind() == Event.Kind.TOKEN && ++numRead == acknowledgeAt) {
      request.acknowledge(numRead);
      numRead = 0;
    }
    return event;
  }

  /** The events up to the terminal one. There is one iterator in effect: all of them read on. */
  @Override
  public Iterator<Event> iterator() {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return !ended;
      }

      @Override
      public Event next() {
        if (ended) throw new NoSuchElementException();
        return Generation.this.next();
      }
    };
  }

  /** The events as a stream, which closes this when it is closed. */
  public java.util.stream.Stream<Event> events() {
    return StreamSupport.stream(spliterator(), false).onClose(this::close);
  }

  /** The pieces of the text as they come. */
  public java.util.stream.Stream<String> pieces() {
    return events().filter(Event::hasText).map(Event::text);
  }

  /** Waits for the end, and gives the text that was not read yet. */
  public String text() {
    StringBuilder rest = new StringBuilder();
    for (Event event : this) {
      if (event.hasText()) rest.append(event.text());
    }
    return rest.toString();
  }

  @Override
  public void close() {
    cancelQuietly(request);
    boolean interrupted = false;
    while (true) {
      try {
        finished.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) Thread.currentThread().interrupt();
    request.close();
  }
}
