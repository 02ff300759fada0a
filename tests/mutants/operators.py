# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be wrong in C++ code: each operator finds places in a text and says what to write there."""
import dataclasses
import re

SECRET = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<!\d)\'(?:\\.|[^\'\\\n])+\'', re.S)
SWAPS = {
    " == ": " != ",
    " != ": " == ",
    " && ": " || ",
    " || ": " && ",
    " <= ": " < ",
    " >= ": " > ",
    " < ": " <= ",
    " > ": " >= ",
    "any_of(": "all_of(",
    "all_of(": "any_of(",
    "none_of(": "any_of(",
    "true": "false",
    "false": "true",
    "Verdict::accept": "Verdict::drop",
    "Verdict::drop": "Verdict::accept",
    "IpFamily::v4": "IpFamily::v6",
    "IpFamily::v6": "IpFamily::v4",
    "Ipv6::block": "Ipv6::tunnel",
    "Fate::keep": "Fate::forget",
    "Fate::forget": "Fate::keep",
    "Fate::never": "Fate::forget",
    "Far::destination": "Far::source",
    "Far::source": "Far::destination",
}
LIST_OF_MATCHES = re.compile(r"(?:accept|refuse|neighbour_rule)\(\{|vector<Match>[ \w]*\{|\{match::\w+\{")
STATEMENT = re.compile(r"(?<=[;{}])\s*((?:\+\+)?[a-z_]\w*(?:(?:\.|->|::)\w+|\[[^\];]*\])*\s*(?:\(|[+|]?=[^=]))")
NOT_CALLS = re.compile(r"(?:if|for|while|switch|return|const|constexpr|static|using|namespace|template|auto|struct|class)\b")
LEAVE = re.compile(r"(?<=\{)\s*((?:return\b[^;]*|continue|break);)(?=\s*\})")
BRANCH = re.compile(r"\b(?:if|if constexpr|for|while)$")
NUMBER = re.compile(r"(?<![\w.\"'])(\d+)(?:U|UL|u)?(?![\w.\"'])")
PREFIX = re.compile(r'"[0-9a-f.:]+/(\d+)"')


@dataclasses.dataclass(frozen=True)
class Mutant:
    path: str
    start: int
    end: int
    new: str
    operator: str

    def apply(self, text):
        return text[: self.start] + self.new + text[self.end :]

    def describe(self, text):
        line = text.count("\n", 0, self.start) + 1
        old = " ".join(text[self.start : self.end].split())
        return f"{self.path}:{line}: {self.operator}: '{old}' -> '{' '.join(self.new.split())}'"


def code_only(text):
    """The text with comments and literals blanked, every other byte in its place."""
    return SECRET.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def closing(code, opening):
    """Where the bracket at `opening` ends, or None."""
    depth = 0
    for at in range(opening, len(code)):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if depth == 0:
            return at
    return None


def elements(code, opening):
    """The (start, end) of each element of the list in braces at `opening`."""
    end = closing(code, opening)
    depth = 0
    start = opening + 1
    for at in range(opening + 1, end if end is not None else opening):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if depth == 0 and code[at] == ",":
            yield start, at
            start = at + 1
    if end is not None and code[start:end].strip():
        yield start, end


def negated(code):
    for found in re.finditer(r"\bif \(", code):
        opening = found.end() - 1
        end = closing(code, opening)
        inner = code[opening + 1 : end] if end is not None else ";"
        if ";" in inner:  # With an initialiser the condition is what comes last.
            continue
        yield opening + 1, end, lambda old: f"!({old})", "negate a condition"


def swapped(code):
    for old, new in SWAPS.items():
        pattern = re.escape(old)
        if old[0].isalpha():
            pattern = r"\b" + pattern + (r"\b" if old[-1].isalnum() else "")
        for found in re.finditer(pattern, code):
            yield found.start(), found.end(), lambda _, new=new: new, "swap"


def dropped_matches(code):
    seen = set()
    for found in LIST_OF_MATCHES.finditer(code):
        opening = found.start() if found[0].startswith("{match") else found.end() - 1
        if opening in seen:
            continue
        seen.add(opening)
        parts = list(elements(code, opening))
        for number, (start, end) in enumerate(parts):
            if number + 1 < len(parts):
                yield start, end + 1, lambda _: "", "drop a match"
            elif number > 0:
                yield start - 1, end, lambda _: "", "drop a match"


def dropped_statements(code):
    for found in STATEMENT.finditer(code):
        start = found.start(1)
        if NOT_CALLS.match(code, start):
            continue
        depth = 0
        for end in range(start, len(code)):
            depth += (code[end] in "([{") - (code[end] in ")]}")
            if depth < 0:
                break
            if depth == 0 and code[end] == ";":
                yield start, end + 1, lambda _: ";", "delete a statement"
                break


def opening(code, end):
    """Where the bracket that closes at `end` opens, or None."""
    depth = 0
    for at in range(end, -1, -1):
        depth += (code[at] in ")]}") - (code[at] in "([{")
        if depth == 0:
            return at
    return None


def dropped_leaves(code):
    for found in LEAVE.finditer(code):
        before = code[: found.start()].rstrip()[:-1].rstrip()
        begin = opening(before, len(before) - 1) if before.endswith(")") else None
        if begin is not None and BRANCH.search(before[:begin].rstrip()):  # A function must return.
            yield found.start(1), found.end(1), lambda _: ";", "stay where it left"


def shifted(code):
    for found in NUMBER.finditer(code):
        line = code[code.rfind("\n", 0, found.start()) + 1 : found.start()]
        if not line.lstrip().startswith("#") and "array<" not in line:
            yield found.start(1), found.end(1), lambda old: str(int(old) + 1), "off by one"


def widened(text):
    for found in PREFIX.finditer(text):
        yield found.start(1), found.end(1), lambda old: str(int(old) - 1), "off by one"


def mutants_of(path, text):
    code = code_only(text)
    found = [widened(text)]
    found += [operator(code) for operator in (negated, swapped, dropped_matches, dropped_statements, dropped_leaves, shifted)]
    all_of_it = {
        Mutant(path, start, end, change(text[start:end]), name)
        for places in found
        for start, end, change, name in places
    }
    return sorted(all_of_it, key=lambda m: (m.start, m.end, m.new))
