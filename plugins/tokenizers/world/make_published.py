#!/usr/bin/env python3
"""Makes rwkv_vocab_v20230424.bin, the published World vocabulary in the form that the plugin carries.

    make_published.py rwkv_vocab_v20230424.txt          writes the file beside this script
    make_published.py rwkv_vocab_v20230424.txt --check  compares it instead; exit code 1 if it differs

README.md describes the form. The script needs the standard library alone.
"""

import ast
import hashlib
import os
import sys
import zlib

PUBLISHED_SHA256 = "e6dee3d4e31b4d5c40ac99508ac6c701ceef4bed681bf2167ce9a908552bca89"
OUTPUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rwkv_vocab_v20230424.bin")


def read_tokens(text):
    """The tokens of ids 1, 2, 3 ... of a file of lines `id literal length`."""
    tokens = []
    # Not splitlines(), which also splits at separators that a token may hold.
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        first, last = line.index(" "), line.rindex(" ")
        literal = ast.literal_eval(line[first + 1:last])
        token = literal.encode("utf-8") if isinstance(literal, str) else literal
        if int(line[:first]) != number or int(line[last + 1:]) != len(token):
            sys.exit(f"line {number}: expected id {number} and length {len(token)}, found {line!r}")
        tokens.append(token)
    return tokens


def encode(tokens):
    """Front coding of the tokens in order of their bytes. Ids are not stored: they follow from length and bytes."""
    if tokens != sorted(tokens, key=lambda token: (len(token), token)):
        sys.exit("expected ids in order of length and bytes, from which the form infers them")
    out = bytearray()
    previous = b""
    for token in sorted(tokens):
        shared = len(os.path.commonprefix([previous, token]))
        out += bytes([shared, len(token) - shared]) + token[shared:]
        previous = token
    return bytes(out)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        published = file.read()
    if hashlib.sha256(published).hexdigest() != PUBLISHED_SHA256:
        sys.exit(f"{sys.argv[1]}: expected the published file, SHA-256 {PUBLISHED_SHA256}")
    tokens = read_tokens(published.decode("utf-8"))
    coded = encode(tokens)
    # PublishedVocabularyTest computes the same of the tokens that the plugin decodes.
    checksum = zlib.crc32(b"".join(len(token).to_bytes(4, "little") + token for token in tokens))
    print(f"{len(tokens)} tokens of {sum(map(len, tokens))} bytes in {len(coded)} bytes; CRC-32 0x{checksum:08x}")
    if sys.argv[2:]:
        with open(OUTPUT, "rb") as file:
            if file.read() != coded:
                sys.exit(f"{OUTPUT}: differs from the form of {sys.argv[1]}")
    else:
        with open(OUTPUT, "wb") as file:
            file.write(coded)


if __name__ == "__main__":
    main()
