import dev.skein.Model;
import dev.skein.Runtime;
import dev.skein.SkeinException;
import dev.skein.Status;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Map;
import java.util.Objects;

/** Runs the tests of classes, which are their static methods without arguments: Check CLASS... */
final class Check {
  static final String MODEL = System.getProperty("skein.model");

  private Check() {}

  interface Body {
    void run() throws Exception;
  }

  interface WithModel {
    void run(Runtime runtime, Model model) throws Exception;
  }

  /** Runs a body with a runtime and a model, to which options are added. */
  static void withModel(Map<String, ?> options, WithModel body) throws Exception {
    Map<String, Object> all = new java.util.HashMap<>(Map.of("calibrate", false));
    all.putAll(options);
    try (Runtime runtime = Runtime.create(Map.of("threads", 2));
        Model model = runtime.loadModel(MODEL, all)) {
      body.run(runtime, model);
    }
  }

  static void that(boolean truth, String what) {
    if (!truth) throw new AssertionError(what);
  }

  static void same(Object expected, Object found) {
    if (!Objects.equals(expected, found)) {
      throw new AssertionError("expected <" + expected + ">, found <" + found + ">");
    }
  }

  /** The body has to fail with a status. */
  static SkeinException fails(Status status, Body body) throws Exception {
    try {
      body.run();
    } catch (SkeinException e) {
      same(status, e.status());
      return e;
    }
    throw new AssertionError("it went well; expected " + status);
  }

  public static void main(String[] classes) throws Exception {
    int failed = 0;
    for (String name : classes) {
      for (Method test : Class.forName(name).getDeclaredMethods()) {
        boolean isTest = Modifier.isStatic(test.getModifiers()) && !Modifier.isPrivate(test.getModifiers());
        if (!isTest || test.getParameterCount() > 0 || test.isSynthetic()) continue;
        long start = System.nanoTime();
        try {
          test.invoke(null);
          System.out.printf("ok     %s.%s (%d ms)%n", name, test.getName(), (System.nanoTime() - start) / 1_000_000);
        } catch (InvocationTargetException e) {
          failed++;
          System.out.printf("FAILED %s.%s%n", name, test.getName());
          e.getCause().printStackTrace(System.out);
        }
      }
    }
    System.exit(failed == 0 ? 0 : 1);
  }
}
