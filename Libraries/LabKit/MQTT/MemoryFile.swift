import CMosquitto
import Glibc

/// A file without a place on any disk, for a library that wants a path: gone when this object is.
final class MemoryFile {
    private let descriptor: Int32
    let path: String

    init(name: String, text: String) throws(MQTTError) {
        let descriptor = lab_memory_file(name)
        guard descriptor >= 0 else {
            throw .invalidConfiguration("no memory for the certificates: \(String(cString: strerror(errno)))")
        }
        self.descriptor = descriptor
        path = "/proc/self/fd/\(descriptor)"
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw .invalidConfiguration("the certificates could not be stored in memory") }
            bytes = bytes.dropFirst(count)
        }
    }

    deinit {
        close(descriptor)
    }
}
