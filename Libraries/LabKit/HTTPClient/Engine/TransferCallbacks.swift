internal import CCurl

/// What libcurl calls during a transfer, on its thread.
///
/// The contexts are unretained: the loop's table holds handle and transfer until the handle has left the multi handle,
/// after which libcurl calls none of these.
enum TransferCallbacks {
    static let header: lab_curl_bytes_function = { bytes, _, count, context in
        guard let bytes, let context else { return 0 }
        let handle = Unmanaged<EasyHandle>.fromOpaque(context).takeUnretainedValue()
        guard let transfer = handle.transfer else { return 0 }
        switch transfer.takeHeader(buffer(bytes, count)) {
        case .more: return count
        case .tooLarge, .malformed: return 0
        case .complete:
            if transfer.deliversHeadFirst {
                transfer.deliver(handle.head(of: transfer.parsedHead), redirectURL: handle.text(CURLINFO_REDIRECT_URL))
            }
            return count
        }
    }

    static let body: lab_curl_bytes_function = { bytes, _, count, context in
        guard let bytes, let context else { return 0 }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        return switch transfer.takeBody(buffer(bytes, count)) {
        case .taken: count
        case .pause: Int(CURL_WRITEFUNC_PAUSE)
        case .refuse: 0
        }
    }

    static let supply: lab_curl_bytes_function = { bytes, _, count, context in
        guard let bytes, let context else { return Int(CURL_READFUNC_ABORT) }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        return switch transfer.supply(UnsafeMutableRawBufferPointer(start: bytes, count: count)) {
        case .copied(let copied, _): copied
        case .pause: Int(CURL_READFUNC_PAUSE)
        case .end: 0
        case .failed: Int(CURL_READFUNC_ABORT)
        }
    }

    /// libcurl wants to send the body from its start again, on a new connection; possible before the first byte.
    static let seek: curl_seek_callback = { context, offset, origin in
        guard let context, offset == 0, origin == SEEK_SET else { return CURL_SEEKFUNC_FAIL }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        return transfer.canRewind ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL
    }

    private static func buffer(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: UnsafeRawPointer(bytes).assumingMemoryBound(to: UInt8.self), count: count)
    }
}
