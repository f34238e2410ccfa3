package dev.skein;

/** What kind of failure a {@link SkeinException} is: the codes of gRPC, and one of skein's own. */
public enum Status {
  OK(0),
  CANCELLED(1),
  UNKNOWN(2),
  INVALID_ARGUMENT(3),
  DEADLINE_EXCEEDED(4),
  /** No such file, device, key, plugin or entry. */
  NOT_FOUND(5),
  ALREADY_EXISTS(6),
  PERMISSION_DENIED(7),
  /** Out of memory, slots or queue room; see {@link SkeinException#retryAfter}. */
  RESOURCE_EXHAUSTED(8),
  /** Not in this state: a request runs on the stream, for example. */
  FAILED_PRECONDITION(9),
  ABORTED(10),
  OUT_OF_RANGE(11),
  UNIMPLEMENTED(12),
  INTERNAL(13),
  /** A device of the model is lost. */
  UNAVAILABLE(14),
  /** A file or snapshot is truncated, corrupt or lies about itself. */
  DATA_LOSS(15),
  UNAUTHENTICATED(16),
  /** The object is closed. */
  INVALID_HANDLE(64);

  final int code;

  Status(int code) {
    this.code = code;
  }

  /** The code as the library knows it. */
  public int code() {
    return code;
  }

  /** The status with a code; UNKNOWN for a number that is none. */
  public static Status of(int code) {
    for (Status status : values()) {
      if (status.code == code) return status;
    }
    return UNKNOWN;
  }

  /** The name that the library has for a code. */
  public static String nameOf(int code) {
    return Text.of(Native.statusName(code));
  }
}
