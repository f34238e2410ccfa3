package dev.skein;

/** What kind of failure a {@link SkeinException} is: the codes of gRPC, and one of skein's own. */
public enum Status {
  /** No failure. */
  OK(0),
  /** Somebody ended the request, or the reading of it. */
  CANCELLED(1),
  /** A code that this version does not know. */
  UNKNOWN(2),
  /** An argument, an option or a file that no state would make right. */
  INVALID_ARGUMENT(3),
  /** The time that a request was given has passed, or cannot suffice. */
  DEADLINE_EXCEEDED(4),
  /** No such file, device, key, plugin or entry. */
  NOT_FOUND(5),
  /** A file or a name that must be new is not. */
  ALREADY_EXISTS(6),
  /** The system does not let this process have a file. */
  PERMISSION_DENIED(7),
  /** Out of memory, slots or queue room; see {@link SkeinException#retryAfter}. */
  RESOURCE_EXHAUSTED(8),
  /** Not in this state: a request runs on the stream, for example. */
  FAILED_PRECONDITION(9),
  /** Ended by what others did at the same time. */
  ABORTED(10),
  /** A position beyond the last one, or a size beyond what there is room for. */
  OUT_OF_RANGE(11),
  /** This version, or this device, cannot do it. */
  UNIMPLEMENTED(12),
  /** An error of the library or of a plugin. */
  INTERNAL(13),
  /** A device of the model is lost. */
  UNAVAILABLE(14),
  /** A file or snapshot is truncated, corrupt or lies about itself. */
  DATA_LOSS(15),
  /** Not given by the library. */
  UNAUTHENTICATED(16),
  /** The object is closed. */
  INVALID_HANDLE(64);

  final int code;

  Status(int code) {
    this.code = code;
  }

  /** {@return the code as the library knows it} */
  public int code() {
    return code;
  }

  /**
   * {@return the status with a code; UNKNOWN for a number that is none}
   *
   * @param code of the library
   */
  public static Status of(int code) {
    for (Status status : values()) {
      if (status.code == code) return status;
    }
    return UNKNOWN;
  }

  /**
   * {@return the name that the library has for a code}
   *
   * @param code any number
   */
  public static String nameOf(int code) {
    return Text.of(Native.statusName(code));
  }
}
