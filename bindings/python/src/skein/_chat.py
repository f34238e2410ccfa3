"""Conversations as arrays of C: messages for Model.chat_prompt and Request.set_chat."""

import ctypes
from typing import Any, Iterable, Mapping, Tuple, Union

from . import _abi
from ._calls import Text, c_bytes, c_text

# A message: (role, text), or a mapping with "role" and "content" as chat services have it. The
# roles are "system", "user" and "assistant".
Message = Union[Tuple[str, Text], Mapping[str, Text]]


def c_messages(messages: Iterable[Message]) -> Tuple[Any, int, int]:
    """The messages for C: the array, the size of one element, and their number. The array holds
    their texts."""
    pairs = [_role_and_text(message) for message in messages]
    array = (_abi.skein_chat_message * max(len(pairs), 1))()
    for struct, (role, text) in zip(array, pairs):
        struct.role = role
        struct.text = text
        struct.text_bytes = len(text)
    return array, ctypes.sizeof(_abi.skein_chat_message), len(pairs)


def _role_and_text(message: Message) -> Tuple[bytes, bytes]:
    if isinstance(message, Mapping):
        if "role" not in message or "content" not in message:
            raise TypeError(f"message: expected 'role' and 'content', found {', '.join(message)}")
        role, text = message["role"], message["content"]
    else:
        role, text = message
    return c_text(role, "role"), c_bytes(text, "text")  # type: ignore[arg-type]
