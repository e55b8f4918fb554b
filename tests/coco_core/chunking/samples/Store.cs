using System;
using Acme.Json;

namespace Acme.Stores
{
    /// <summary>Keeps items.</summary>
    [Serializable]
    public class Store<T> : IStore
    {
        private const int Max = 10;
        public int Count { get; private set; }
        public event Action Changed;

        public Store(int size) { }

        /// <summary>Finds one.</summary>
        [Obsolete]
        public async Task<T> FindAsync<K>(K id)
        {
            int Local() => 1;
            return default;
        }

        public static Store<T> operator +(Store<T> a, Store<T> b) => a;
        public T this[int index] => default;
    }

    public interface IStore
    {
        void Clear();
    }

    public struct Point { public int X; }
    public enum Level { Low, High }
    public record Entry(string Id, int Value);
    public delegate void Handler(int id);
}
