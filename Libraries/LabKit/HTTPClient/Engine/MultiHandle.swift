internal import CCurl

/// One `CURLM` handle.
///
/// Unchecked, because the pointer crosses threads: everything but `wakeUp` is called by the one thread that runs the
/// loop, and `curl_multi_wakeup` is documented as callable from any thread. The handle is freed with its last owner,
/// so no wake-up can meet a freed one.
final class MultiHandle: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer

    init?(_ configuration: HTTPClientConfiguration) {
        guard Self.isLibraryReady, let pointer = curl_multi_init() else { return nil }
        self.pointer = pointer
        _ = lab_curl_multi_set_long(
            pointer, CURLMOPT_MAX_HOST_CONNECTIONS, max(1, configuration.connectionsPerHost))
        _ = lab_curl_multi_set_long(
            pointer, CURLMOPT_MAX_TOTAL_CONNECTIONS, max(1, configuration.connectionsInTotal))
        // As many stay open for reuse as may be open at all; libcurl would keep four for each transfer under way.
        _ = lab_curl_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, max(1, configuration.connectionsInTotal))
    }

    deinit {
        curl_multi_cleanup(pointer)
    }

    /// Once per process; thread-safe since libcurl 7.84.
    private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

    func wakeUp() {
        curl_multi_wakeup(pointer)
    }

    func perform() {
        var running: CInt = 0
        curl_multi_perform(pointer, &running)
    }

    /// Sleeps until a socket is ready, a time-out of libcurl is due or `wakeUp` is called.
    func poll() {
        curl_multi_poll(pointer, nil, 0, 3_600_000, nil)
    }
}
