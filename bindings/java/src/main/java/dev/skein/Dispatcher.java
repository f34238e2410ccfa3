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

  void submit(Request request) {
    queue.submit(request);
  }

  /** Ends the thread, and all generations that run with CANCELLED. */
  void close() {
    queue.close();
  }

  private void run() {
    try {
      while (true) {
        queue.awaitNatively(-1);
        List<Event> events = queue.poll(MOST);
        for (Event event : events) event.request().listener.accept(event);
      }
    } catch (SkeinException closed) {
      SkeinException cause = new SkeinException(Status.CANCELLED, "the runtime was closed", 0);
      for (Request request : queue.pending()) request.listener.fail(cause);
    }
  }
}
