package dev.skein;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.Iterator;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.StreamSupport;

/**
 * A request that runs, and its text as it comes. A reader that is slow slows nothing but its own
 * request. Close it to stop reading: that cancels the request and waits until it has ended, for a step
 * at most. One that is dropped is cancelled some time after the garbage collector found it. One thread
 * reads.
 */
public final class Generation implements AutoCloseable, Iterable<Event> {
  /** Tokens that wait to be read at most, if the options do not say. */
  private static final int WINDOW = 256;

  private final Request request;
  private final Delivery delivery;
  private final int acknowledgeAt; // tokens that are read until the request is told
  private final Cleaner.Cleanable cancel; // of a generation that was dropped, too
  private int numRead;
  private boolean ended; // the reader has seen the end

  /** What the dispatcher brings. It does not refer to the generation, which may be dropped meanwhile. */
  private static final class Delivery implements Listener {
    final BlockingQueue<Object> events = new LinkedBlockingQueue<>(); // an Event or a SkeinException
    final CountDownLatch finished = new CountDownLatch(1);

    @Override
    public void accept(Event event) {
      events.add(event);
      if (event.isTerminal()) finished.countDown();
    }

    @Override
    public void fail(SkeinException cause) {
      events.add(cause);
      finished.countDown();
    }
  }

  private Generation(Request request, Delivery delivery, int acknowledgeAt) {
    this.request = request;
    this.delivery = delivery;
    this.acknowledgeAt = acknowledgeAt;
    cancel = Handle.CLEANER.register(this, request::cancelQuietly);
  }

  /** Takes a request over: it is closed with the generation, and not if this fails. */
  static Generation start(Request request) {
    int acknowledgeAt = 1;
    if (!request.options().containsKey("window")) {
      Map<String, Object> all = new TreeMap<>(request.options());
      all.put("window", WINDOW);
      request.setOptions(all);
      acknowledgeAt = WINDOW / 8;
    }
    Delivery delivery = new Delivery();
    request.stream.runtime.dispatcher().start(request, delivery);
    return new Generation(request, delivery, acknowledgeAt);
  }

  /** {@return the request, for log-probabilities and samples; it is open until this is closed} */
  public Request request() {
    return request;
  }

  /**
   * The next event. A failure, a cancel and an interrupt are thrown in its place; the latter cancels the
   * request.
   */
  private Event next() {
    Object next;
    try {
      next = delivery.events.take();
    } catch (InterruptedException e) {
      request.cancelQuietly();
      Thread.currentThread().interrupt();
      throw new SkeinException(Status.CANCELLED, "the reader was interrupted", 0);
    } finally {
      Reference.reachabilityFence(this); // the collector would cancel what is waited for
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

  /** {@return the events as a stream, which closes this when it is closed} */
  public java.util.stream.Stream<Event> events() {
    return StreamSupport.stream(spliterator(), false).onClose(this::close);
  }

  /** {@return the pieces of the text as they come, none of them empty; closing the stream closes this} */
  public java.util.stream.Stream<String> pieces() {
    return events().filter(Event::hasText).map(Event::text);
  }

  /**
   * Waits for the end.
   *
   * @return the text that was not read yet
   */
  public String text() {
    StringBuilder rest = new StringBuilder();
    for (Event event : this) {
      if (event.hasText()) rest.append(event.text());
    }
    return rest.toString();
  }

  @Override
  public void close() {
    cancel.clean();
    boolean interrupted = false;
    while (true) {
      try {
        delivery.finished.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) Thread.currentThread().interrupt();
    request.close();
  }
}
