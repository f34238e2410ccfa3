import dev.skein.Event;
import dev.skein.Model;
import dev.skein.Queue;
import dev.skein.Request;
import dev.skein.Runtime;
import dev.skein.Stream;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * Writes many texts at once: Streams MODEL NUM_STREAMS NUM_TOKENS queue|futures. Prints the processor
 * time of the process while they are written, in seconds, and the bytes of text. The machine compiles its
 * code in a first run, which is not counted. bindings/bench/streams.c does the same in C; the
 * difference is what the binding costs.
 */
final class Streams {
  private Streams() {}

  private static double processorSeconds() {
    var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return 1e-9 * system.getProcessCpuTime();
  }

  private static long throughQueue(Runtime runtime, List<Stream> streams, int numTokens) throws InterruptedException {
    try (Queue queue = runtime.newQueue()) {
      List<Request> requests = new ArrayList<>();
      for (Stream stream : streams) {
        Request request = stream.newRequest();
        request.setPrompt(65, 110, 100);
        request.setOptions(options(numTokens, requests.size()));
        requests.add(request);
      }
      queue.submit(requests);
      long textBytes = 0;
      for (int running = requests.size(); running > 0; ) {
        for (Event event : queue.read(256, Duration.ofMinutes(1))) {
          textBytes += event.textBytes().length;
          if (event.isTerminal()) running--;
        }
      }
      return textBytes;
    }
  }

  private static long throughFutures(List<Stream> streams, int numTokens) {
    List<CompletableFuture<String>> futures = new ArrayList<>();
    for (Stream stream : streams) futures.add(stream.completeAsync("And", options(numTokens, futures.size())));
    return futures.stream().mapToLong(f -> f.join().length()).sum();
  }

  private static Map<String, Object> options(int numTokens, int seed) {
    return Map.of("max_tokens", numTokens, "stop_at_end", 0, "seed", seed);
  }

  public static void main(String[] arguments) throws Exception {
    int numStreams = Integer.parseInt(arguments[1]);
    int numTokens = Integer.parseInt(arguments[2]);
    try (Runtime runtime = Runtime.create(Map.of("threads", 1));
        Model model = runtime.loadModel(arguments[0], Map.of("calibrate", 0, "device", "cpu"))) {
      for (int run = 0; run < 2; run++) {
        List<Stream> streams = new ArrayList<>();
        for (int i = 0; i < numStreams; i++) streams.add(model.newStream());
        double begin = processorSeconds();
        boolean queue = arguments[3].equals("queue");
        long textBytes = queue ? throughQueue(runtime, streams, numTokens) : throughFutures(streams, numTokens);
        if (run == 1) System.out.printf("%.4f %d%n", processorSeconds() - begin, textBytes);
        streams.forEach(Stream::close);
      }
    }
  }
}
