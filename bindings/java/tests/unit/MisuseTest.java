import dev.skein.Event;
import dev.skein.Generation;
import dev.skein.Model;
import dev.skein.Prefix;
import dev.skein.Queue;
import dev.skein.Request;
import dev.skein.Runtime;
import dev.skein.SkeinException;
import dev.skein.Status;
import dev.skein.Stream;
import dev.skein.Tokenizer;
import java.io.BufferedReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;

/** What must not go wrong, whatever the program does. */
final class MisuseTest {
  private MisuseTest() {}

  static void aCallOnAClosedObjectIsAnError() throws Exception {
    Runtime r = Runtime.create();
    Model m = r.loadModel(Check.MODEL, Map.of("calibrate", 0));
    Stream s = m.newStream();
    Queue q = r.newQueue();
    Request x = s.newRequest();
    Prefix p = s.newPrefix("", "");
    Tokenizer t = m.openTokenizer();
    for (int round = 0; round < 2; round++) { // the second time is fine
      for (AutoCloseable closed : List.of(t, p, x, q, s, m, r)) closed.close();
    }
    for (Check.Body call :
        List.<Check.Body>of(
            () -> t.encode("a"),
            s::position,
            s::snapshot,
            s::checkpoints,
            () -> s.generate("", null),
            () -> x.setPrompt("a"),
            x::cancel,
            () -> q.submit(x),
            () -> q.poll(1),
            () -> q.await(Duration.ZERO),
            q::fd,
            () -> q.setWakeup(() -> {}),
            p::newStream,
            m::info,
            () -> m.eval(List.of()),
            r::metrics,
            () -> r.loadModel(Check.MODEL))) {
      Check.fails(Status.INVALID_HANDLE, call);
    }
  }

  static void closingTheRuntimeEndsItsGenerations() throws Exception {
    Runtime r = Runtime.create();
    try (Model m = r.loadModel(Check.MODEL);
        Stream s = m.newStream();
        Generation g = s.generate("And", BindingTest.ENDLESS)) {
      g.iterator().next();
      r.close();
      Check.fails(Status.CANCELLED, () -> g.forEach(e -> {}));
    }
  }

  static void closingAQueueEndsAWait() throws Exception {
    try (Runtime r = Runtime.create()) {
      Queue q = r.newQueue();
      AtomicReference<Status> status = new AtomicReference<>();
      Thread waiting =
          new Thread(
              () -> {
                try {
                  q.await(Duration.ofHours(1));
                } catch (SkeinException e) {
                  status.set(e.status());
                } catch (InterruptedException e) {
                  status.set(null);
                }
              });
      waiting.start();
      q.close();
      waiting.join();
      Check.same(Status.INVALID_HANDLE, status.get());
    }
  }

  static void closingARequestUnderItsGenerationEndsIt() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream s = m.newStream()) {
            Generation text = s.generate("And", Map.of("max_tokens", 1000, "stop_at_end", false, "window", 1));
            text.request().close();
            Thread closing = new Thread(text::close);
            closing.setDaemon(true);
            closing.start();
            closing.join(20_000);
            Check.that(!closing.isAlive(), "close waits for ever");
            s.reset(); // the stream is free
          }
        });
  }

  static void anInterruptEndsAWaitAndARead() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Queue q = r.newQueue();
              Stream s = m.newStream();
              Generation g = s.generate("And", BindingTest.ENDLESS)) {
            Thread.currentThread().interrupt();
            try {
              q.await(Duration.ofHours(1));
              throw new AssertionError("no interrupt");
            } catch (InterruptedException expected) {
              Check.that(!Thread.currentThread().isInterrupted(), "the interrupt was taken");
            }
            Thread.currentThread().interrupt();
            Check.fails(Status.CANCELLED, () -> g.forEach(e -> {}));
            Check.that(Thread.interrupted(), "the interrupt is passed on");
          }
        });
  }

  static void anExceptionInTheMiddleOfReadingEndsTheRequest() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream s = m.newStream()) {
            try (Generation g = s.generate("And", BindingTest.ENDLESS)) {
              for (Event e : g) throw new IllegalStateException("in the middle");
            } catch (IllegalStateException expected) {
              s.reset(); // it has no writer any more
            }
          }
        });
  }

  static void callsAndCloseAtTheSameTime() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          for (int i = 0; i < 50; i++) {
            Stream s = m.newStream();
            Queue q = r.newQueue();
            List<Thread> threads = new ArrayList<>();
            for (Check.Body body :
                List.<Check.Body>of(
                    s::position, s::close, () -> s.complete("a", Map.of("max_tokens", 2)),
                    () -> q.await(Duration.ofSeconds(1)), () -> q.poll(1), q::close)) {
              threads.add(new Thread(() -> ignoringStatus(body)));
            }
            threads.forEach(Thread::start);
            for (Thread thread : threads) thread.join();
          }
        });
  }

  private static void ignoringStatus(Check.Body body) {
    try {
      body.run();
    } catch (SkeinException closedMeanwhile) {
      Check.that(closedMeanwhile.status() != Status.INTERNAL, closedMeanwhile.toString());
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  /** Runs the body while the garbage collector runs again and again. */
  private static void withBusyCollector(Check.Body body) throws Exception {
    AtomicBoolean stop = new AtomicBoolean();
    Thread collecting =
        new Thread(
            () -> {
              while (!stop.get()) System.gc();
            });
    collecting.start();
    try {
      body.run();
    } finally {
      stop.set(true);
      collecting.join();
    }
  }

  static void theCollectorUnderLoad() throws Exception {
    Check.withModel(
        Map.of("deterministic", 1),
        (r, m) -> {
          Map<String, Object> options = Map.of("max_tokens", 12, "seed", 1);
          String want = m.newStream().complete("And", options);
          List<Thread> working = new ArrayList<>();
          AtomicReference<Throwable> failure = new AtomicReference<>();
          for (int i = 0; i < 4; i++) {
            Thread thread =
                new Thread(
                    () -> {
                      for (int j = 0; j < 10; j++) Check.same(want, completeOn(r.newQueue(), m.newStream(), options));
                    });
            thread.setUncaughtExceptionHandler((t, e) -> failure.set(e));
            working.add(thread);
          }
          withBusyCollector(
              () -> {
                working.forEach(Thread::start);
                for (Thread thread : working) thread.join();
              });
          if (failure.get() != null) throw new AssertionError(failure.get());
          while (m.load().numStreams() > 0) System.gc(); // nothing was closed; the test's time is the limit
        });
  }

  /** Runs a request to which only the queue holds on, as to its stream. */
  private static String completeOn(Queue q, Stream s, Map<String, Object> options) {
    submitOn(q, s, options);
    StringBuilder text = new StringBuilder();
    while (true) {
      try {
        for (Event e : q.read(4, Duration.ofMinutes(1))) {
          text.append(e.text());
          if (e.isTerminal()) return text.toString();
        }
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  static void whatIsDroppedInTheMiddleIsCancelled() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          for (int i = 0; i < 4; i++) {
            m.newStream().generate("And", BindingTest.ENDLESS).iterator().next();
            m.newStream().generate("And", BindingTest.ENDLESS).pieces().findFirst(); // nor is this closed
          }
          while (m.load().numRunning() > 0) System.gc(); // the test's time is the limit
          while (m.load().numStreams() > 0) System.gc();
        });
  }

  static void theCollectorTakesNothingFromAReader() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          // Nothing but the read itself refers to the generation, and a window of one token keeps it from its end.
          Map<String, Object> options = Map.of("max_tokens", 60, "stop_at_end", false, "window", 1);
          withBusyCollector(
              () -> {
                for (int i = 0; i < 5; i++) {
                  Check.same(60, m.newStream().generate("And", options).text().length());
                  Check.same(60L, m.newStream().generate("And", options).pieces().count());
                }
              });
        });
  }

  private static void submitOn(Queue q, Stream s, Map<String, Object> options) {
    Request x = s.newRequest();
    x.setPrompt("And");
    x.setOptions(options);
    q.submit(x);
  }

  /** Ends the process in the middle of everything; run in a process of its own. */
  static final class Exit {
    private Exit() {}

    public static void main(String[] arguments) throws Exception {
      Runtime r = Runtime.create();
      Model m = r.loadModel(Check.MODEL);
      Queue q = r.newQueue();
      CountDownLatch woken = new CountDownLatch(1);
      q.setWakeup(woken::countDown);
      List<Object> alive = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        Stream s = m.newStream();
        alive.add(s);
        if (i % 2 == 0) {
          Generation g = s.generate("And", BindingTest.ENDLESS);
          g.iterator().next();
          alive.add(g);
        } else {
          submitOn(q, s, BindingTest.ENDLESS);
        }
      }
      woken.await();
      Thread busy =
          new Thread(
              () -> {
                while (true) q.poll(8);
              });
      busy.setDaemon(true);
      busy.start();
      System.out.println("ending");
      if (arguments.length > 0) System.exit(3); // else main ends, and the machine with it
    }
  }

  static void theProcessMayEndWithLiveStreams() throws Exception {
    for (int i = 0; i < 4; i++) {
      List<String> command =
          new ArrayList<>(
              List.of(
                  ProcessHandle.current().info().command().orElseThrow(), "-Dskein.model=" + Check.MODEL, "-cp",
                  System.getProperty("java.class.path"), "MisuseTest$Exit"));
      if (i % 2 == 0) command.add("exit");
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      BufferedReader output = process.inputReader();
      // Later versions of Java warn of every native library.
      String line = output.readLine();
      while (line != null && (line.isBlank() || line.startsWith("WARNING: "))) line = output.readLine();
      Check.same("ending", line);
      // What came before takes as long as the machine is busy.
      long start = System.nanoTime();
      Check.same("", output.lines().collect(Collectors.joining()));
      Check.same(i % 2 == 0 ? 3 : 0, process.waitFor());
      // The library waits ten seconds for a thread that does not come out of Java.
      Check.that(System.nanoTime() - start < 8_000_000_000L, "the end took long");
    }
  }
}
