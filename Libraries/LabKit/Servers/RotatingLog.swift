import Glibc
import Synchronization

/// A server's output in at most two files, `<path>` and `<path>.1`, each of at most `maximumSize` bytes, with the last
/// lines at hand for error messages. A server that floods its log costs twice `maximumSize`, not the disk.
public final class RotatingLog: Sendable {
    private struct State {
        var descriptor: Int32
        var size: Int
        var recent: [UInt8] = []
    }

    public let path: String
    public let maximumSize: Int
    private let state: Mutex<State>

    /// Opens the log for appending.
    ///
    /// - Parameter maximumSize: bytes per file, 1 kB at least.
    public init(path: String, maximumSize: Int = 4 << 20) throws(ServerError) {
        self.path = path
        self.maximumSize = max(maximumSize, 1024)
        var status = stat()
        let size = stat(path, &status) == 0 ? Int(status.st_size) : 0
        state = Mutex(State(descriptor: try Self.open(path), size: size))
    }

    deinit {
        _ = state.withLock { close($0.descriptor) }
    }

    /// Appends output as it came; a chunk may end inside a line. A full disk loses output, never the server.
    public func append(_ bytes: [UInt8]) {
        state.withLock { state in
            state.recent = Array((state.recent + bytes).suffix(4096))
            var rest = bytes[...]
            while !rest.isEmpty {
                if state.size >= maximumSize { rotate(&state) }
                let part = rest.prefix(max(1, maximumSize - state.size))
                let count = part.withUnsafeBytes { write(state.descriptor, $0.baseAddress, $0.count) }
                guard count > 0 else { return }
                state.size += count
                rest = rest.dropFirst(count)
            }
        }
    }

    /// The end of the output: at most 20 lines and 4 kB.
    public var lastLines: [String] {
        let recent = state.withLock(\.recent)
        return String(decoding: recent, as: UTF8.self).split(whereSeparator: \.isNewline).suffix(20).map(String.init)
    }

    func forgetLastLines() {
        state.withLock { $0.recent = [] }
    }

    private func rotate(_ state: inout State) {
        rename(path, "\(path).1")
        // When the new file cannot be opened, the old one is started over: the bound matters more than the text.
        if let fresh = try? Self.open(path) {
            close(state.descriptor)
            state.descriptor = fresh
        } else {
            ftruncate(state.descriptor, 0)
        }
        state.size = 0
    }

    private static func open(_ path: String) throws(ServerError) -> Int32 {
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Files.failure(path, "open") }
        return descriptor
    }
}
