import COpenSSL

/// Owner of one memory `BIO`, through which OpenSSL reads and writes PEM and DER.
final class MemoryBuffer {
    let pointer: OpaquePointer

    /// An empty one to write to.
    ///
    /// - Parameter isSecret: whether its memory is from the secure heap and overwritten at the end.
    init(isSecret: Bool = false) throws(CryptoError) {
        pointer = try CryptoError.check(
            BIO_new(isSecret ? BIO_s_secmem() : BIO_s_mem()), "make a buffer")
    }

    /// One to read `bytes` from.
    convenience init(_ bytes: [UInt8], isSecret: Bool = false) throws(CryptoError) {
        try self.init(isSecret: isSecret)
        guard !bytes.isEmpty else { return }
        guard bytes.count <= Int32.max, BIO_write(pointer, bytes, Int32(bytes.count)) == bytes.count else {
            throw CryptoError.last("fill a buffer")
        }
    }

    deinit {
        BIO_free_all(pointer)
    }

    /// What was written and not read yet.
    var bytes: [UInt8] {
        var start: UnsafeMutablePointer<CChar>?
        let count = lab_bio_data(pointer, &start)
        guard let start, count > 0 else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}
