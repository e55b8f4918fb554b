"""Calibration texts: the int8 model is fitted to and checked with them.

They were written for this purpose. Changing one changes the model that is built, its name, and so
every vector in every index: leave them be unless the gain was measured.
"""

from __future__ import annotations

__all__ = ["CALIBRATION_TEXTS", "CHECK_TEXTS"]

CALIBRATION_TEXTS = (
    '''src/cache/lru.py LruCache.get
def get(self, key: str, default: Value | None = None) -> Value | None:
    """Return the cached value and mark it as the most recently used."""
    with self._lock:
        node = self._nodes.pop(key, None)
        if node is None:
            self.misses += 1
            return default
        self._nodes[key] = node
        self.hits += 1
        return node.value
''',
    """services/billing/invoice.py Invoice.total
class Invoice:
    lines: list[Line]
    tax_rate: Decimal

    def total(self) -> Decimal:
        net = sum((line.price * line.quantity for line in self.lines), Decimal(0))
        return (net * (1 + self.tax_rate)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
""",
    """tests/test_parser.py
@pytest.mark.parametrize(("source", "expected"), [("1 + 2", 3), ("2 * (3 + 4)", 14), ("-5", -5)])
def test_expressions_are_evaluated(source, expected):
    assert evaluate(parse(tokenize(source))) == expected


def test_an_unclosed_bracket_is_reported_with_its_column():
    with pytest.raises(SyntaxError, match="column 4"):
        parse(tokenize("2 * (3"))
""",
    """web/src/hooks/useDebounce.ts useDebounce
export function useDebounce<T>(value: T, delay = 250): T {
  const [debounced, setDebounced] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setDebounced(value), delay);
    return () => clearTimeout(timer);
  }, [value, delay]);
  return debounced;
}
""",
    """lib/router.js Router.match
  match(method, path) {
    for (const route of this.routes) {
      if (route.method !== method) continue;
      const found = route.pattern.exec(path);
      if (found) return { handler: route.handler, params: { ...found.groups } };
    }
    throw new HttpError(404, `no route for ${method} ${path}`);
  }
""",
    """internal/queue/worker.go Worker.Run
func (w *Worker) Run(ctx context.Context) error {
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := w.drain(ctx); err != nil {
				w.log.Error("drain failed", "err", err, "queue", w.name)
			}
		}
	}
}
""",
    """crates/store/src/segment.rs Segment::open
impl Segment {
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).open(path)?;
        let map = unsafe { Mmap::map(&file)? };
        if map.len() < HEADER_LEN || &map[..4] != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a segment"));
        }
        Ok(Self { map, deleted: BitSet::new() })
    }
}
""",
    """src/main/java/com/example/orders/OrderService.java OrderService.place
@Transactional
public Order place(Customer customer, List<Item> items) {
    if (items.isEmpty()) {
        throw new IllegalArgumentException("an order needs at least one item");
    }
    Order order = new Order(customer, items);
    repository.save(order);
    events.publish(new OrderPlaced(order.getId(), clock.instant()));
    return order;
}
""",
    """src/net/buffer.c buffer_append
int buffer_append(struct buffer *buf, const void *data, size_t len)
{
    if (buf->used + len > buf->capacity) {
        size_t wanted = (buf->used + len) * 2;
        void *grown = realloc(buf->data, wanted);
        if (!grown)
            return -ENOMEM;
        buf->data = grown;
        buf->capacity = wanted;
    }
    memcpy((char *)buf->data + buf->used, data, len);
    buf->used += len;
    return 0;
}
""",
    """include/geometry/matrix.hpp Matrix::operator*
template <typename T, std::size_t R, std::size_t C>
Matrix<T, R, C> operator*(const Matrix<T, R, C>& left, T factor) noexcept {
    Matrix<T, R, C> result = left;
    std::transform(result.begin(), result.end(), result.begin(),
                   [factor](T value) { return value * factor; });
    return result;
}
""",
    """db/migrations/0007_add_sessions.sql
CREATE TABLE sessions (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id     bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id) WHERE expires_at > created_at;
""",
    """scripts/backup.sh
#!/usr/bin/env bash
set -euo pipefail
target="${BACKUP_DIR:-/var/backups}/db-$(date +%Y%m%d).dump"
pg_dump --format=custom --no-owner "$DATABASE_URL" > "$target.part"
mv "$target.part" "$target"
find "$(dirname "$target")" -name 'db-*.dump' -mtime +14 -delete
echo "wrote $target"
""",
    """.github/workflows/test.yml
name: test
on: [push, pull_request]
jobs:
  unit:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python: ["3.11", "3.12", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - run: pip install -e .[dev]
      - run: pytest --maxfail=3 -q
""",
    """README.md Installation > From source
You need a C compiler and Python 3.11 or later. Clone the repository, then build the extension and
install the package in editable mode. The first build takes about two minutes; later ones compile
only what changed. If the linker cannot find OpenSSL, set `OPENSSL_DIR` to where it is installed.
""",
    """docs/architecture.md Decisions > Why events are stored twice
The write path appends every event to the log and only then updates the read model. When the process
dies between the two, the read model is rebuilt from the log at the next start, so nothing is lost.
The price is disk space: about forty percent more than a single table would need.
""",
    """docs/api/errors.md Rate limits
| status | meaning | what to do |
|--------|---------|------------|
| 401 | the key is missing or revoked | create a new key in the console |
| 429 | too many requests in this minute | wait for the seconds in `Retry-After` |
| 503 | the region is being moved | try again with exponential backoff |
""",
    """app/models/user.rb User
class User < ApplicationRecord
  has_many :memberships, dependent: :destroy
  has_many :teams, through: :memberships
  validates :email, presence: true, uniqueness: { case_sensitive: false }
  before_save { self.email = email.downcase }

  def admin_of?(team)
    memberships.exists?(team: team, role: "admin")
  end
end
""",
    """src/Shop/Cart.php Cart::add
    public function add(Product $product, int $quantity = 1): void
    {
        if ($quantity < 1) {
            throw new InvalidArgumentException('Quantity must be positive');
        }
        $line = $this->lines[$product->id()] ?? new Line($product, 0);
        $this->lines[$product->id()] = $line->withQuantity($line->quantity() + $quantity);
    }
""",
    """Sources/Player/AudioEngine.swift AudioEngine.play
    func play(_ track: Track, at volume: Float = 1.0) async throws {
        guard let file = try? AVAudioFile(forReading: track.url) else {
            throw PlayerError.unreadable(track.url)
        }
        node.volume = min(max(volume, 0), 1)
        await node.scheduleFile(file, at: nil)
        node.play()
    }
""",
    """config/settings.toml
[server]
host = "127.0.0.1"
port = 8080
workers = 4

[logging]
level = "info"
format = "json"

[features]
experimental_search = false
""",
    """templates/checkout.html
<form method="post" action="/checkout" class="card">
  <label for="email">E-mail address</label>
  <input id="email" name="email" type="email" required autocomplete="email">
  <p class="hint">We send the receipt here.</p>
  <button type="submit" disabled>Pay now</button>
</form>
""",
    """src/data/frames.py
import numpy as np
import pandas as pd

WINDOW = 30

def rolling_zscore(series: pd.Series, window: int = WINDOW) -> pd.Series:
    mean = series.rolling(window).mean()
    deviation = series.rolling(window).std().replace(0.0, np.nan)
    return (series - mean) / deviation
""",
    "how is a user's session invalidated after the password was changed",
    "where are retries with exponential backoff configured",
    "parseTimestamp",
    "ValueError: could not convert string to float: 'n/a'",
)

CHECK_TEXTS = (
    '''src/auth/tokens.py issue_token
def issue_token(user: User, secret: bytes, lifetime: timedelta = timedelta(hours=1)) -> str:
    """Return a signed token that names the user and expires."""
    claims = {"sub": user.id, "exp": int((utcnow() + lifetime).timestamp())}
    body = base64url(json.dumps(claims).encode())
    return f"{body}.{base64url(hmac.digest(secret, body, 'sha256'))}"
''',
    """pkg/config/load.go Load
func Load(path string) (*Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var cfg Config
	if err := yaml.Unmarshal(raw, &cfg); err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	return &cfg, cfg.Validate()
}
""",
    """docs/operations.md Upgrading
Stop the workers first, run the migrations, then start the new version. Workers of the old version
cannot read jobs that were written by the new one, so a rolling upgrade has to keep both queues
until the old one is empty.
""",
    """src/components/Table.tsx Table
export const Table = ({ rows, onSelect }: TableProps) => (
  <table>
    <tbody>
      {rows.map((row) => (
        <tr key={row.id} onClick={() => onSelect(row.id)}>
          <td>{row.name}</td>
          <td>{row.updatedAt.toLocaleDateString()}</td>
        </tr>
      ))}
    </tbody>
  </table>
);
""",
    "which function writes the invoice to disk",
    "connection pool exhausted timeout",
)
