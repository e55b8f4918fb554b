import Foundation

/// Keeps items.
@MainActor
public final class Store: Base {
    static let shared = Store()
    private var items: [String: Int] = [:]

    public init(size: Int) {
        super.init()
    }

    deinit {
        print("gone")
    }

    public func find(_ id: String) -> Int? {
        let local = 1
        return items[id]
    }

    subscript(id: String) -> Int? {
        items[id]
    }

    enum Level {
        case low, high
    }
}

struct Point {
    var length: Double { 1.0 }
}

extension Store: Listener {
    func changed() {}
}

protocol Listener {
    var name: String { get }
    func changed()
}

typealias Id = String

actor Counter {
    func add() {}
}

func top() -> Int { 1 }

let version = "1"
