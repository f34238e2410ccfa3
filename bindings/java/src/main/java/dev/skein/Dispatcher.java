package dev.skein;

import java.util.List;
import java.util.Map;

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

  /** Runs a request behind a prompt, whose events go to the listener. */
  Request start(Stream stream, String prompt, Map<String, ?> options, Listener listener) {
    Request request = stream.newRequest();
    try {
      request.setPrompt(prompt);
      request.setOptions(options);
      request.listener = listener;
      queue.submit(request);
      return request;
    } catch (RuntimeException e) {
      request.close();
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
        for (Event event : events) event.request().listener.accept(event);
      }
    } catch (SkeinException closed) {
      cause = new SkeinException(Status.CANCELLED, "the runtime was closed", 0);
    } catch (RuntimeException | Error e) { // such as no memory: nobody must wait for this thread any more
      cause = new SkeinException(Status.INTERNAL, "the thread that hands out events ended: " + e, 0);
    }
    queue.close();
    for (Request request : queue.pending()) request.listener.fail(cause);
  }
}
