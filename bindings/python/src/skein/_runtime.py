"""The runtime: plugins, devices, threads, log and metrics. What all else is made from."""

import ctypes
from enum import IntEnum
from typing import List, NamedTuple, Optional

from . import _abi
from ._calls import Path, c_path, call, read_bytes, read_handle, read_number, read_record, read_text
from ._handle import Handle
from ._library import abi
from ._model import Model
from ._options import Options, OptionsKind, OptionValue, handle_of, use_options
from ._queue import Queue
from ._records import DeviceInfo, PluginInfo, Progress
from ._tokenizer import Tokenizer


class Severity(IntEnum):
    """Of a line of the log."""

    DEBUG = _abi.SKEIN_LOG_DEBUG
    INFO = _abi.SKEIN_LOG_INFO
    WARNING = _abi.SKEIN_LOG_WARNING
    ERROR = _abi.SKEIN_LOG_ERROR


class LogLine(NamedTuple):
    """A line of the library's log."""

    severity: Severity
    text: str


class Runtime(Handle):
    """Plugins, devices and threads. A process may have several, which share nothing.

    Keyword arguments are the options of skein_runtime_create: threads, plugin_path, search, trace.
    Threads: any number may use it. Forks: make it in the child, not before the fork.
    """

    __slots__ = ()
    _release = abi.skein_runtime_release

    def __init__(self, options: Optional[Options] = None, **values: OptionValue) -> None:
        used = use_options(OptionsKind.RUNTIME, options, values)
        super().__init__(read_handle(abi.skein_runtime_create, handle_of(used)))

    def load_model(
        self, path: Path, options: Optional[Options] = None, **values: OptionValue
    ) -> Model:
        """Loads a model file. Keyword arguments are the options of skein_model_load, such as device
        and type."""
        used = use_options(OptionsKind.MODEL, options, values)
        return Model(
            read_handle(abi.skein_model_load, self.handle, c_path(path), handle_of(used)), self
        )

    def convert_model(
        self,
        in_path: Path,
        out_path: Path,
        options: Optional[Options] = None,
        **values: OptionValue,
    ) -> None:
        """Converts a model file to a package, or to .safetensors. Keyword arguments are those of
        skein_model_convert."""
        used = use_options(OptionsKind.CONVERT, options, values)
        call(
            abi.skein_model_convert, self.handle, c_path(in_path), c_path(out_path), handle_of(used)
        )

    def describe_model(
        self, path: Path, options: Optional[Options] = None, **values: OptionValue
    ) -> str:
        """What a model file holds, without loading it. Keyword arguments: format ("text" or
        "json"), verify."""
        used = use_options(OptionsKind.DESCRIBE, options, values)
        return read_text(abi.skein_model_describe, self.handle, c_path(path), handle_of(used))

    def load_tokenizer(
        self, path: Path, options: Optional[Options] = None, **values: OptionValue
    ) -> Tokenizer:
        """Loads a vocabulary: a file, the name of one in the box ("world", "bytes"), or that of a
        model."""
        used = use_options(OptionsKind.TOKENIZER, options, values)
        return Tokenizer(
            read_handle(abi.skein_tokenizer_load, self.handle, c_path(path), handle_of(used)), self
        )

    def create_queue(self, options: Optional[Options] = None, **values: OptionValue) -> Queue:
        """Makes a queue for the events of requests."""
        used = use_options(OptionsKind.QUEUE, options, values)
        return Queue(read_handle(abi.skein_queue_create, self.handle, handle_of(used)), self)

    def load_plugin(self, path: Path) -> None:
        """Loads one plugin from a file of any name."""
        call(abi.skein_runtime_load_plugin, self.handle, c_path(path))

    @property
    def plugins(self) -> List[PluginInfo]:
        """The files that were looked at, loaded or refused, and why."""
        count = read_number(ctypes.c_uint32, abi.skein_runtime_plugin_count, self.handle)
        function, struct = abi.skein_runtime_plugin_info, _abi.skein_plugin_info
        return [
            read_record(PluginInfo, struct, function, self.handle, index) for index in range(count)
        ]

    @property
    def devices(self) -> List[DeviceInfo]:
        """The devices of the plugins that are loaded. The best comes first, and is the default."""
        count = read_number(ctypes.c_uint32, abi.skein_runtime_device_count, self.handle)
        function, struct = abi.skein_runtime_device_info, _abi.skein_device_info
        return [
            read_record(DeviceInfo, struct, function, self.handle, index) for index in range(count)
        ]

    def poll_log(self) -> Optional[LogLine]:
        """Takes the oldest line of the log. None: there is none."""
        severity = ctypes.c_uint32()
        try:
            text = read_text(
                abi.skein_runtime_poll_log, self.handle, tail=(ctypes.byref(severity),)
            )
        except LookupError:
            return None
        return LogLine(Severity(severity.value), text)

    def metrics(self) -> str:
        """Counters, gauges and histograms in the text format of Prometheus."""
        return read_bytes(abi.skein_runtime_metrics, self.handle, first=1 << 16).decode(
            "utf-8", "replace"
        )

    @property
    def progress(self) -> Progress:
        """How far the load, conversion or check is that runs on another thread."""
        return read_record(Progress, _abi.skein_progress, abi.skein_runtime_progress, self.handle)
