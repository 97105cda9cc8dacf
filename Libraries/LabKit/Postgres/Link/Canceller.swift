import CLibpq

/// Owns a `PGcancel`: what is needed to ask the server to stop a statement, over a connection of its own.
///
/// It is `@unchecked Sendable` because libpq promises that `PQcancel` may be called from any thread, and the object is
/// never written after it was made.
final class Canceller: @unchecked Sendable {
    private let handle: OpaquePointer?

    init(_ connection: OpaquePointer) {
        handle = PQgetCancel(connection)
    }

    deinit {
        PQfreeCancel(handle)
    }

    /// Blocks until the server has passed the request on, or cannot be reached. A statement that is over already, or
    /// has not begun, is not affected.
    func cancel() {
        var message = [CChar](repeating: 0, count: 256)
        _ = PQcancel(handle, &message, Int32(message.count))
    }
}
