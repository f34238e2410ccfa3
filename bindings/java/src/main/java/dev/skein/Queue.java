package dev.skein;

import java.lang.ref.Reference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Delivers the events of any number of requests, of all models of its runtime. */
public final class Queue extends Handle {
  /** A wait in the library cannot be interrupted, so that it is made in parts of this length. */
  private static final long PART_MILLIS = 50;

  private final AtomicLong wakeup; // what the library calls, in native memory
  private final Object polling = new Object(); // held while events are taken, so that they stay in order
  private final Map<Long, Request> requests = new HashMap<>(); // that have not ended; guarded by itself

  Queue(long number) {
    this(number, new AtomicLong());
  }

  private Queue(long number, AtomicLong wakeup) {
    super(
        number,
        n -> {
          Native.queueRelease(n);
          Native.wakeupRelease(wakeup.getAndSet(0));
        });
    this.wakeup = wakeup;
  }

  /**
   * Submits requests, all of them or none. The queue keeps them, and the streams under them, until they
   * have ended.
   *
   * @param submitted none of which was submitted before
   */
  public void submit(Request... submitted) {
    submit(Arrays.asList(submitted));
  }

  /**
   * As {@link #submit(Request...)}.
   *
   * @param submitted none of which was submitted before
   */
  public void submit(List<Request> submitted) {
    long[] numbers = submitted.stream().mapToLong(Handle::number).toArray();
    List<Long> added = expect(submitted, numbers);
    try {
      run(q -> Native.queueSubmit(q, numbers));
    } catch (SkeinException e) {
      synchronized (requests) {
        requests.keySet().removeAll(added);
      }
      throw e;
    } finally {
      Reference.reachabilityFence(submitted);
    }
  }

  /**
   * Makes requests known before their first event can come, and returns those that were not. No lock is
   * held over the submit itself, because it may call the wake-up function, which may poll.
   */
  private List<Long> expect(List<Request> submitted, long[] numbers) {
    List<Long> added = new ArrayList<>();
    synchronized (requests) {
      for (int i = 0; i < numbers.length; i++) {
        if (requests.putIfAbsent(numbers[i], submitted.get(i)) == null) added.add(numbers[i]);
      }
    }
    return added;
  }

  /** The requests that have not ended. */
  List<Request> pending() {
    synchronized (requests) {
      return new ArrayList<>(requests.values());
    }
  }

  /**
   * Takes events that are there, oldest first and without waiting.
   *
   * @param most of them
   * @return the events; none if none is there
   */
  public List<Event> poll(int most) {
    List<Event> events = new ArrayList<>();
    EventReader reader = EventReader.take();
    synchronized (polling) {
      int count;
      do {
        int wanted = most - events.size();
        count = callForInt(q -> reader.poll(q, wanted));
        for (int i = 0; i < count; i++) events.add(take(reader, i));
      } while (count == EventReader.CAPACITY && events.size() < most);
    }
    reader.giveBack();
    return events;
  }

  private Event take(EventReader reader, int index) {
    synchronized (requests) {
      long number = reader.requestOf(index);
      Event event = reader.event(index, requests.get(number));
      if (event.isTerminal()) requests.remove(number);
      return event;
    }
  }

  /**
   * Waits for events and takes those that are there.
   *
   * @param most of them
   * @param timeout of the wait
   * @return the events; none if the time has passed
   * @throws InterruptedException the thread was interrupted; no event is lost
   */
  public List<Event> read(int most, Duration timeout) throws InterruptedException {
    return await(timeout) ? poll(most) : List.of();
  }

  /**
   * Waits until an event is there, or the time has passed. An interrupt ends it within 50 ms. If another
   * thread closes the queue it ends with INVALID_HANDLE.
   *
   * @param timeout zero: do not wait
   * @return whether an event is there
   * @throws InterruptedException the thread was interrupted
   */
  public boolean await(Duration timeout) throws InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (true) {
      if (Thread.interrupted()) throw new InterruptedException();
      long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime() + 999_999);
      if (awaitNatively(Math.max(0, Math.min(left, PART_MILLIS)))) return true;
      if (left <= 0) return false;
    }
  }

  /** As await, in one part; a negative time has no end. */
  boolean awaitNatively(long millis) {
    return call(q -> Native.queueWait(q, millis));
  }

  /** {@return a descriptor that is readable while events are there; do not read, write or close it} */
  public int fd() {
    return callForInt(Native::queueFd);
  }

  /**
   * Has a function called when the queue turns from empty to not empty; null ends that. A thread of the
   * library calls it, and waits: it may poll and submit and must not block. When this returned, the old
   * function is not running, and is not called any more. {@link #await} does not need it.
   *
   * @param function null: none
   */
  public synchronized void setWakeup(Runnable function) {
    long next = call(q -> Native.queueSetWakeup(q, function));
    Native.wakeupRelease(wakeup.getAndSet(next));
  }

  @Override
  public synchronized void close() {
    super.close();
  }
}
