"""What is seen while it is measured."""

# ruff: noqa: T201 - it prints

from tests.benchmarks.load import Load


def say(sentence: str) -> None:
    print(sentence, flush=True)


def say_load(name: str, found: Load) -> None:
    failed = f", {found.refused} refused" if found.refused else ""
    failed += f", {found.broken} broken" if found.broken else ""
    busy = f", others used {found.others} cores" if found.others > 0.3 else ""
    rate = f"{found.rate:9,.0f}/s ({found.least:,.0f}..{found.most:,.0f})"
    times = f"p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms"
    say(f"{name:42} {rate}  {times}, processor {found.processor_ms:.2f} ms{failed}{busy}")
