"""A small project with several kinds of files, as input for the daemon under test."""

from __future__ import annotations

import subprocess
from pathlib import Path

FILES = {
    "shop/cart.py": '''"""The shopping cart."""

from decimal import Decimal


class Cart:
    """Items that a customer wants to buy."""

    def __init__(self) -> None:
        self.items: list[tuple[str, Decimal]] = []

    def add_item(self, name: str, price: Decimal) -> None:
        """Put an item into the cart."""
        self.items.append((name, price))

    def total_price(self) -> Decimal:
        """Sum the prices of all items, with the discount for many items."""
        total = sum((price for _, price in self.items), Decimal(0))
        return apply_discount(total, len(self.items))


def apply_discount(total: Decimal, count: int) -> Decimal:
    """Take ten percent off when there are more than ten items."""
    return total * Decimal("0.9") if count > 10 else total
''',
    "shop/retry.py": '''import time


def retry_with_backoff(action, attempts=5):
    """Call an action again after a growing delay when it raises."""
    delay = 0.1
    for attempt in range(attempts):
        try:
            return action()
        except ConnectionError:
            if attempt == attempts - 1:
                raise
            time.sleep(delay)
            delay *= 2
''',
    "web/router.ts": """export interface Route { path: string; handler: Handler }

export type Handler = (request: Request) => Response;

/** Finds the handler whose path matches the request. */
export const matchRoute = (routes: Route[], url: string): Handler | undefined => {
  return routes.find((route) => url.startsWith(route.path))?.handler;
};
""",
    "tests/test_cart.py": """from decimal import Decimal

from shop.cart import Cart


def test_total_price():
    cart = Cart()
    cart.add_item("apple", Decimal("1.00"))
    assert cart.total_price() == Decimal("1.00")
""",
    "README.md": """# Shop

A shop with a cart.

## Payment

Invoices are sent by mail and paid within thirty days.

## Shipping

Parcels leave the warehouse every evening.
""",
    ".gitignore": "build/\n*.log\n",
    "build/output.py": "generated_symbol = 1\n",
    "debug.log": "a line of the log\n",
    ".env": "SECRET_TOKEN=very-secret\n",
}


def write_project(root: Path) -> Path:
    """Write the project as a git repository with one commit."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "first")
    return root


def commit(root: Path, message: str) -> None:
    git(root, "add", "--all")
    git(
        root,
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.org",
        "commit",
        "--quiet",
        "--message",
        message,
    )


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
