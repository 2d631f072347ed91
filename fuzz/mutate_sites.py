"""Finds what can be changed in a source so that it is wrong: sites(path, text).

It reads tokens, no grammar, and relies on the format that clang-format gives: a comparison has a space on both sides,
a template's brackets have none. It leaves alone what no target or test here executes or what is no behaviour:
comments, strings, static assertions, inline assembler, the tests' own hooks, fences that are empty natively, and code
that another compiler alone reads (NVIDIA's, PoCL's, another processor's)."""
import collections
import itertools
import re
from typing import NamedTuple


class Site(NamedTuple):
    """Replacing text[begin:end], which is `old`, by `new` makes the mutant."""
    file: str
    line: int
    column: int
    operator: str
    old: str
    new: str
    begin: int
    end: int
    source: str  # the line, without its indentation
    which: int = 1  # of those in the file that make the same change to the same line's text

    @property
    def change(self):
        """What is done, on one line; the same wherever the code moves."""
        old, new = [" ".join(text.split()) for text in (self.old, self.new)]
        return f"{self.operator} `{old}`" + ("" if self.operator == "drop" else f" -> `{new}`")

    @property
    def id(self):
        return f"{self.file}:{self.line}:{self.column}:{self.operator}"


OPERATORS = ["boundary", "negate", "constant+1", "constant-1", "drop", "swap", "order"]
BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
NEGATE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
WEAKER = [  # what is weakened, and to what
    (r"\bstd::memory_order_(?:acquire|release|acq_rel)\b", "std::memory_order_relaxed"),
    (r"\bstd::memory_order_seq_cst\b(?=[^;]*== launch)", "std::memory_order_acquire"),
    (r"\bstd::memory_order_seq_cst\b(?![^;]*== launch)", "std::memory_order_release"),
    (r"\b__ATOMIC_(?:ACQUIRE|RELEASE|ACQ_REL)\b", "__ATOMIC_RELAXED"),
    (r"(?<=load_n\(p, )__ATOMIC_SEQ_CST\b", "__ATOMIC_ACQUIRE"),
    (r"(?<=store_n\(p, v, )__ATOMIC_SEQ_CST\b", "__ATOMIC_RELEASE"),
    (r"\bsr_load_acquire(?=\()", "sr_load"),
    (r"\bsr_load_device(?=\()", "sr_load"),
    (r"\bsr_load_seq_cst(?=\()", "sr_load_acquire"),
    (r"\bsr_store_release(?=\()", "sr_store"),
    (r"\bsr_store_device(?=\()", "sr_store"),
    (r"\bsr_store_release64(?=\()", "sr_store64"),
    (r"\bsr_store_seq_cst(?=\()", "sr_store_release"),
]
# What is defined nowhere here, and what is everywhere; of any other name both are read.
NEVER = {"__NV_CL_C_VERSION", "SR_CYCLES", "SLIPRING_TSAN", "__aarch64__", "__OPENCL_VERSION__"}
ALWAYS = {"SR_NATIVE", "__x86_64__"}
# Object-like macros that are no thresholds: outcomes, places and sizes, which both ends have from the same line.
NO_THRESHOLD = re.compile(r"SR_(?:GOES_ON|HAS_LEFT|IS_TO_LEAVE|SUBGROUP_LANES|MAX_BUFFERS)|"
                          r"SR_(?:SCHED|STAGE|LEAVE|CHUNK)_\w+")
IGNORED = re.compile(r"(?:if \(.*\) )?"
                     r"(?:\(void\)|Policy::at\b|SR_STEP\(\);|sr_fence_(?:device|system)\b|sr_breathe\b)")
SHARED_STORE = re.compile(r"sr_store|sr_release\(|[\w)]\.store\(|\bmemcpy\(|__atomic_store")
STORE = re.compile(SHARED_STORE.pattern + r"|^[\w\->.\[\]*() ]+ [-+|&]?= ")
NO_EXPRESSION = {"return", "for", "while", "do", "switch", "case", "default", "else", "try", "catch", "using",
                 "typedef", "static", "const", "constexpr", "auto", "struct", "class", "enum", "union", "namespace",
                 "template", "friend", "public", "private", "protected", "throw", "goto", "extern", "inline", "if"}
UNREAD = re.compile(r"\b(?:static_assert|SR_STATIC_ASSERT|assert|__asm__|asm|requires|alignas)\b[^(;]*\(")
DECLARATION = re.compile(r"(?:[\w:]+(?:<[^;()]*?>)?)(?:\s+\w+)*\s*[*&]*\s+[*&]*(?:const )?[*&]*\w+\s*[=;(\[{,]")
TOKEN = re.compile(r"\d[\w'.]*|\w+|::|->|\+\+|--|[^\s\w]")


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def is_defined(condition):
    """True or False where that is known of a preprocessor's condition, else None."""
    names = re.findall(r"defined\(?\s*(\w+)\)?", condition)
    text = re.sub(r"defined\(?\s*(\w+)\)?", r"_\1", condition)
    if set(re.findall(r"\w+", text)) - {f"_{name}" for name in names}:
        return None
    text = text.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    open_names = sorted(set(names) - NEVER - ALWAYS)
    found = set()
    for values in itertools.product([False, True], repeat=len(open_names)):
        known = dict(zip(open_names, values)) | dict.fromkeys(NEVER, False) | dict.fromkeys(ALWAYS, True)
        found.add(eval(text.strip(), {"__builtins__": {}}, {f"_{name}": value for name, value in known.items()}))
    return found.pop() if len(found) == 1 else None


def without_directives(text):
    """Blanks the preprocessor's lines and what they leave out."""
    out, branches, continued = [], [], False  # of each #if: [is this branch read?, was one before taken for sure?]
    for line in text.splitlines(keepends=True):
        words = re.match(r"\s*#\s*(\w+)\s*(.*)", line)
        directive, rest = (words[1], words[2].strip()) if words and not continued else ("", "")
        if directive in ("if", "ifdef", "ifndef"):
            value = is_defined({"ifdef": f"defined({rest})", "ifndef": f"!defined({rest})"}.get(directive, rest))
            branches.append([value is not False, value is True])
        elif directive in ("elif", "else"):
            value = True if directive == "else" else is_defined(rest)
            taken = branches[-1][1]
            branches[-1] = [not taken and value is not False, taken or value is True]
        elif directive == "endif":
            branches.pop()
        hidden = directive or continued or not all(live for live, _ in branches)
        continued = bool(directive or continued) and line.rstrip().endswith("\\")
        out.append(re.sub(r"[^\n]", " ", line) if hidden else line)
    return "".join(out)


def code_of(text):
    """The text, of the same length, with all blanked that is not mutated."""
    literals = r'"(?:\\.|[^"\\\n])*"|' + r"(?<!\w)'(?:\\.|[^'\\\n])+'"
    # Comments and strings in one go, since each may hold the other's mark; a string stays one token.
    text = re.sub(rf"(//[^\n]*|/\*.*?\*/)|{literals}",
                  lambda m: blank(m) if m[1] else '"' + "_" * (len(m[0]) - 2) + '"', text, flags=re.DOTALL)
    text = without_directives(text)
    for start in UNREAD.finditer(text):
        end = closing(text, start.end() - 1) + 1
        text = text[:start.start()] + re.sub(r"[^\n]", " ", text[start.start():end]) + text[end:]
    return text


def closing(text, at):
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0:
            return i
    return len(text) - 1


def literals(code):
    """(begin, end, operator, new) of each integer literal."""
    for match in re.finditer(r"(?<![\w.'\"_])(0x[0-9A-Fa-f]+|\d+)([uUlL]*)(?![\w.'])", code):
        value = int(match[1], 0)
        for step in (1, -1):
            if value + step >= 0:
                new = f"0x{value + step:X}" if match[1].startswith("0x") else str(value + step)
                yield match.start(), match.end(), f"constant{step:+d}", new + match[2]


def thresholds(text):
    """The same of macros that stand for a number."""
    for match in re.finditer(r"^#define (SR_\w+) +(\(?[\du <]+\)?)[^\S\n]*(?:/\*.*)?$", text, re.MULTILINE):
        if not NO_THRESHOLD.fullmatch(match[1]):
            for begin, end, *rest in literals(match[2]):
                yield match.start(2) + begin, match.start(2) + end, *rest


def order_matters(first, second):
    """Whether another thread may see one of two stores before the other, or one reads what the other wrote."""
    targets = [text.split(" ")[0] for text in (first, second)]
    if all(SHARED_STORE.search(text) or "[" in target for text, target in zip((first, second), targets)):
        return first != second and any(SHARED_STORE.search(text) for text in (first, second))
    values = [re.split(r" [-+|&]?= ", text, maxsplit=1)[-1] for text in (first, second)]
    return targets[0] in values[1] or targets[1] in values[0]


class Statements:
    """Walks over tokens and finds the statements that can be left out: expressions, jumps, guards of one line."""

    def __init__(self, code):
        self.code = code
        self.tokens = [(match[0], match.start(), match.end()) for match in TOKEN.finditer(code)]
        self.text = [token[0] for token in self.tokens]

    def matching(self, i):
        depth = 0
        for j in range(i, len(self.text)):
            depth += (self.text[j] in "([{") - (self.text[j] in ")]}")
            if depth == 0:
                return j
        return len(self.text) - 1

    def end_of(self, i):
        """The semicolon that ends a statement without braces of its own, or None."""
        depth = 0
        for j in range(i, len(self.text)):
            if self.text[j] == ";" and depth == 0:
                return j
            if self.text[j] == "{" and depth == 0 or depth < 0:
                return None
            depth += (self.text[j] in "([{") - (self.text[j] in ")]}")
        return None

    def opens_code(self, i):
        """Whether the brace at i begins statements, and not members, values or names."""
        before = self.text[i - 1] if i else ""
        begin = i
        while begin and self.text[begin - 1] not in (";", "{", "}"):
            begin -= 1
        head = self.text[begin:i]
        if head and (head[0] in ("namespace", "struct", "class", "union", "enum", "extern", "typedef")
                     or "struct" in head[:4] or "class" in head and "(" not in head):
            return False
        return before in (")", "]", "else", "do", "try", "noexcept", "const", ":", ";", "{", "}") or "->" in head

    def droppable(self, i):
        """The last token of the statement that begins at i, and whether it is an expression; None: leave it."""
        first = self.text[i]
        if first in ("break", "continue") or (first == "return" and self.text[i + 1] == ";"):
            return i + 1, False
        if first == "if":
            if self.text[i + 1] != "(":
                return None
            body = self.matching(i + 1) + 1
            end = self.end_of(body)
            if end is None or self.text[body] in ("if", "for", "while", "switch", "do"):
                return None
            return (end, False) if self.text[end + 1:end + 2] != ["else"] else None
        end = self.end_of(i)
        if first in NO_EXPRESSION or end is None or end == i:
            return None
        text = self.code[self.tokens[i][1]:self.tokens[end][2]]
        if DECLARATION.match(text) or IGNORED.match(text):
            return None
        return (end, True) if re.search(r"\w\(|\+\+|--|[^=!<>]=[^=]", text) else None

    def find(self):
        """(begin, end, operator, new) of each."""
        kinds, headers, starts, labelled = [], [], {}, False
        for i, token in enumerate(self.text):
            before = self.text[i - 1] if i else ";"
            bare = before in (";", "{", "}") or (before == ":" and labelled)
            guarded = before in ("else", "do") or (before == ")" and headers and headers[-1] == i - 1)
            if (bare or guarded) and kinds and kinds[-1] == "code" and token not in "{};":
                if found := self.droppable(i):
                    starts[i] = (*found, bare)
            if token in ("case", "default"):
                labelled = True
            elif token in (";", "{"):
                labelled = False
            if token == "{":
                kinds.append("code" if self.opens_code(i) else "other")
            elif token in ("(", "["):
                kinds.append("paren")
                if token == "(" and before in ("if", "for", "while", "switch", "constexpr"):
                    headers.append(self.matching(i))
            elif token in ("}", ")", "]") and kinds:
                kinds.pop()
            headers = [end for end in headers if end >= i]
        for i, (end, expression, bare) in starts.items():
            begin, stop = self.tokens[i][1], self.tokens[end][2]
            yield begin, stop, "drop", ";"
            following = starts.get(end + 1)
            if not (expression and bare and following and following[1] and following[2]):
                continue
            second = slice(self.tokens[end + 1][1], self.tokens[following[0]][2])
            texts = self.code[begin:stop], self.code[second]
            if all(STORE.search(text) for text in texts) and order_matters(*texts):
                yield begin, second.stop, "swap", (second, slice(stop, second.start), slice(begin, stop))


def found(text):
    code = code_of(text)
    for match in re.finditer(r"(?<= )(<=|>=|==|!=|<|>)(?=[ \n])", code):
        if code[:match.start()].rstrip().endswith("template"):
            continue
        for operator, table in (("boundary", BOUNDARY), ("negate", NEGATE)):
            if match[0] in table:
                yield match.start(), match.end(), operator, table[match[0]]
    yield from literals(code)
    yield from thresholds(text)
    for begin, end, operator, new in Statements(code).find():
        yield begin, end, operator, new if isinstance(new, str) else "".join(text[part] for part in new)
    for pattern, weaker in WEAKER:
        for match in re.finditer(pattern, code):
            if not re.search(r"\b(?:uint|void) $", code[:match.start()]):  # a call, not the function itself
                yield match.start(), match.end(), "order", weaker


def sites(path, text):
    out = []
    for begin, end, operator, new in found(text):
        start = text.rfind("\n", 0, begin) + 1
        stop = text.find("\n", begin)
        line = text[start:stop if stop >= 0 else len(text)].strip()
        out.append(Site(path, text.count("\n", 0, begin) + 1, begin - start + 1, operator, text[begin:end], new,
                        begin, end, line))
    out.sort(key=lambda site: (site.begin, OPERATORS.index(site.operator), site.end))
    seen = collections.Counter()
    for i, site in enumerate(out):
        seen[site.change, site.source] += 1
        out[i] = site._replace(which=seen[site.change, site.source])
    return out
