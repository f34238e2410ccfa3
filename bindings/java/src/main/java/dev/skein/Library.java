package dev.skein;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds the two native libraries: libskein, which is installed, and the glue to it, which is in the jar.
 *
 * <p>libskein is the first of these that loads: the file that the environment calls SKEIN_LIBRARY; a
 * library under the prefix SKEIN_DIR; libskein.so.1 as the system's loader finds it. The glue is the
 * file of the property {@code skein.jni}, else it is in {@code java.library.path}, else in the jar.
 */
final class Library {
  private static final String SONAME = "libskein.so.1";
  private static final String GLUE = "skein_jni";

  private Library() {}

  static void load() {
    List<String> failures = new ArrayList<>();
    loadSkein(failures);
    if (!loadGlue(failures)) {
      throw new UnsatisfiedLinkError("skein is not found:\n  " + String.join("\n  ", failures));
    }
  }

  /** Where none of the places has it, the glue asks the system's loader for it. */
  private static void loadSkein(List<String> failures) {
    String file = System.getenv("SKEIN_LIBRARY");
    if (file == null || file.isEmpty()) {
      failures.add("the file SKEIN_LIBRARY: not set in the environment");
    } else if (tryLoad(Path.of(file), failures)) {
      return;
    }
    String prefix = System.getenv("SKEIN_DIR");
    if (prefix == null || prefix.isEmpty()) {
      failures.add("the prefix SKEIN_DIR: not set in the environment");
      return;
    }
    for (String folder : new String[] {"lib", "lib/" + architecture() + "-linux-gnu", "lib64"}) {
      if (tryLoad(Path.of(prefix, folder, SONAME), failures)) return;
    }
  }

  private static boolean loadGlue(List<String> failures) {
    String file = System.getProperty("skein.jni");
    if (file != null) return tryLoad(Path.of(file), failures);
    try {
      System.loadLibrary(GLUE);
      return true;
    } catch (UnsatisfiedLinkError e) {
      failures.add(System.mapLibraryName(GLUE) + ": " + e.getMessage());
    }
    return loadFromJar(failures);
  }

  private static boolean loadFromJar(List<String> failures) {
    String name = "native/" + architecture() + "/" + System.mapLibraryName(GLUE);
    try (InputStream in = Library.class.getResourceAsStream(name)) {
      if (in == null) {
        failures.add(name + " in the jar: there is none for this processor");
        return false;
      }
      Path copy = Files.createTempFile("skein", ".so");
      try {
        Files.copy(in, copy, StandardCopyOption.REPLACE_EXISTING);
        return tryLoad(copy, failures);
      } finally {
        Files.delete(copy); // a library that is loaded needs its name no more
      }
    } catch (IOException e) {
      failures.add(name + " in the jar: " + e);
      return false;
    }
  }

  private static boolean tryLoad(Path file, List<String> failures) {
    try {
      System.load(file.toAbsolutePath().toString());
      return true;
    } catch (UnsatisfiedLinkError e) {
      failures.add(file + ": " + e.getMessage());
      return false;
    }
  }

  private static String architecture() {
    String name = System.getProperty("os.arch");
    return name.equals("amd64") ? "x86_64" : name;
  }
}
