/// A value that must not be seen: it prints as `•••`, in interpolation, in `dump` and in a debugger alike.
///
/// Reading it takes the word `reveal()`, so that each place which does so can be found. A secret has no `Codable`
/// conformance on purpose: what leaves the process as JSON cannot hold one by accident.
public struct Secret<Value: Sendable>: Sendable {
    private let value: Value

    public init(_ value: Value) {
        self.value = value
    }

    /// The value itself. Call it where the value is used, and keep the result no longer than that.
    public func reveal() -> Value {
        value
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "•••" }
    public var debugDescription: String { "•••" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret: Equatable where Value: Equatable {}
