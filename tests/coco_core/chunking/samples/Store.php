<?php

namespace Acme\Stores;

use Psr\Log\LoggerInterface;
use Acme\Json as J;

const VERSION = '1';
define('MODE', 'fast');

/**
 * Keeps items.
 */
#[Service]
final class Store extends Base implements Countable
{
    public const MAX = 10;
    private int $size = 0;

    public function __construct(private LoggerInterface $log) {}

    #[Pure]
    public function find(string $id): ?int
    {
        return null;
    }
}

interface Listener { public function changed(): void; }

trait Loud { protected function shout(): void {} }

enum Level: string { case Low = 'l'; public function next(): self { return $this; } }

function top(int $a): int { return $a; }

$handler = function () { return 1; };
