const std = @import("std");
const json = @import("json.zig");

/// Keeps items.
pub const Store = struct {
    size: usize,

    const max = 10;

    pub fn init(size: usize) Store {
        const local = size;
        return .{ .size = local };
    }
};

pub const Level = enum { low, high };

const Error = error{Missing};

/// Makes a list type.
pub fn List(comptime T: type) type {
    return struct {
        items: []T,
        pub fn len(self: @This()) usize {
            return self.items.len;
        }
    };
}

var started: bool = false;

test "opens" {
    try std.testing.expect(true);
}
