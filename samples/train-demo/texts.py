"""The texts that the demo model is trained on, out of Debian packages."""
import gzip
import os
import re
import subprocess

HELD_OUT_BOOKS = ("Ruth", "Lam", "Amos", "Jonah", "Phi", "Jas")


def kjv_books():
    """The King James Bible as [(book, text)]: verse numbers dropped, verses joined to paragraphs."""
    raw = subprocess.run(
        ["bible", "-f", "gen1:1-rev22:21"],
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    ).stdout
    books = []
    chapter, paragraph = None, ""
    for line in raw.splitlines():
        m = re.match(r"([1-3]?[A-Za-z]+)(\d+):(\d+) (.*)$", line)
        if not m:
            continue
        book, chap, verse = m[1], m[2], " ".join(m[4].split())
        if not books or books[-1][0] != book:
            if books and paragraph:
                books[-1][1].append(paragraph)
            books.append((book, []))
            chapter, paragraph = chap, ""
        # A paragraph ends with its chapter, or after 400 characters at the end of a sentence.
        full = len(paragraph) >= 400 and paragraph[-1] in ".?!"
        if paragraph and (chap != chapter or full):
            books[-1][1].append(paragraph)
            paragraph = ""
        chapter = chap
        paragraph = (paragraph + " " + verse).strip()
    books[-1][1].append(paragraph)
    return [(name, "\n\n".join(paras)) for name, paras in books]


def state_paper(path):
    with gzip.open(path, "rt", encoding="ascii", errors="ignore") as f:
        paras = [" ".join(p.split()) for p in re.split(r"\n\s*\n", f.read())]
    return "\n\n".join(p for p in paras if len(p) >= 60)


def prepare(out):
    books = kjv_books()
    assert len(books) == 66, len(books)
    train = [t for name, t in books if name not in HELD_OUT_BOOKS]
    held = [t for name, t in books if name in HELD_OUT_BOOKS]
    assert len(held) == len(HELD_OUT_BOOKS)
    for name in ("us-declaration", "us-constitution"):
        train.append(state_paper(f"/usr/share/state/{name}.gz"))
    os.makedirs(out, exist_ok=True)
    for name, texts in (("train.txt", train), ("heldout.txt", held)):
        data = ("\n\n\n".join(texts) + "\n").encode("ascii")
        with open(os.path.join(out, name), "wb") as f:
            f.write(data)
        print(f"{name}: {len(data)} bytes, {len(texts)} documents")
    words = sorted(set(re.findall(r"[a-z]+", "\n".join(train).lower())))
    with open(os.path.join(out, "words.txt"), "w") as f:
        f.write("\n".join(words) + "\n")
    print(f"words.txt: {len(words)} words")
