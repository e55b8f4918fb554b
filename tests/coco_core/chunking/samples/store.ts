import type { Item } from "./item";

export interface Store<T> {
  readonly size: number;
  get(id: string): T | undefined;
}

export type Id = string | number;

export enum Level { Low, High }

export function open(path: string): Store<Item>;
export function open(path: URL): Store<Item>;
export function open(path: unknown): Store<Item> {
  return new FileStore(String(path));
}

@sealed
export abstract class FileStore implements Store<Item> {
  private cache = new Map<string, Item>();
  constructor(private readonly path: string) {}
  abstract flush(): Promise<void>;
  get size(): number { return this.cache.size; }
  onChange = (id: Id): void => {};
}

export const isItem = (value: unknown): value is Item => value !== null;

namespace Paths {
  export function join(a: string, b: string) { return a + b; }
}

declare function legacy(): void;
