package dev.skein;

import java.util.List;

/** The thread that takes the events of a runtime's generations and hands each to its own. */
final class Dispatcher {
  private static final int MOST = 256;

  private final Queue queue;

  Dispatcher(Queue queue) {
    this.queue = queue;
    Thread thread = new Thread(this::run, "skein-events");
    thread.setDaemon(true);
    thread.start();
  }

  /** Runs a request, whose events go to the listener. */
  void start(Request request, Listener listener) {
    // The events of one that runs already stay with its own listener.
    if (!request.listener.compareAndSet(null, listener)) {
      throw new SkeinException(Status.FAILED_PRECONDITION, "request: started before", 0);
    }
    try {
      queue.submit(request);
    } catch (RuntimeException e) {
      request.listener.set(null); // it may be started later, as where a queue was full
      throw e;
    }
  }

  /** Ends the thread, and all generations that run with CANCELLED. */
  void close() {
    queue.close();
  }

  private void run() {
    SkeinException cause;
    try {
      while (true) {
        queue.awaitNatively(-1);
        List<Event> events = queue.poll(MOST);
        for (Event event : events) event.request().listener.get().accept(event);
      }
    } catch (SkeinException closed) {
      cause = new SkeinException(Status.CANCELLED, "the runtime was closed", 0);
    } catch (RuntimeException | Error e) { // such as no memory: nobody must wait for this thread any more
      cause = new SkeinException(Status.INTERNAL, "the thread that hands out events ended: " + e, 0);
    }
    queue.close();
    for (Request request : queue.pending()) request.listener.get().fail(cause);
  }
}
