internal import CCurl
import LabCore

extension EasyHandle {
    /// Sets every option of an attempt. `context` is the transfer, alive until the handle leaves the multi handle.
    func prepare(
        _ plan: TransferPlan, configuration: HTTPClientConfiguration, context: UnsafeMutableRawPointer
    ) throws(OptionRefused) {
        reset()
        try setContext(CURLOPT_PRIVATE, context)
        try set(CURLOPT_URL, plan.url)
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        // Redirects are followed by us, in HTTPClient+Attempts.swift, so that their rules are ours.
        try set(CURLOPT_FOLLOWLOCATION, 0)
        // No signals in a threaded program; no proxy from the environment, which nobody would expect here.
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_PROXY, "")
        // Without it, removing a handle whose name is being looked up would block the thread for all transfers.
        try set(CURLOPT_QUICK_EXIT, 1)
        if let path = configuration.unixSocketPath { try set(CURLOPT_UNIX_SOCKET_PATH, path) }
        try set(
            CURLOPT_HTTP_VERSION,
            configuration.versions == .http1 ? Int(CURL_HTTP_VERSION_1_1) : Int(CURL_HTTP_VERSION_2TLS))
        if plan.acceptsCompression { try set(CURLOPT_ACCEPT_ENCODING, "") }
        try set(CURLOPT_HTTPHEADER, plan.headerLines)
        if !plan.connectOverrides.isEmpty {
            try set(CURLOPT_CONNECT_TO, plan.connectOverrides.map(\.line))
        }
        try prepareMethodAndBody(plan, context: context)
        // A length that is announced is refused before the first byte; HEAD announces one and sends nothing.
        if let limit = plan.bodyLimit, plan.method != "HEAD" { try setOffset(CURLOPT_MAXFILESIZE_LARGE, limit) }
        try prepareTimeouts(plan)
        try prepareCallbacks(plan, context: context)
        if plan.origin.scheme == "https" { try prepareTLS(configuration) }
        if plan.usesFreshConnection {
            try set(CURLOPT_FRESH_CONNECT, 1)
            try set(CURLOPT_FORBID_REUSE, 1)
            try set(CURLOPT_SSL_SESSIONID_CACHE, 0)
            try set(CURLOPT_CERTINFO, 1)
        }
    }

    private func prepareMethodAndBody(
        _ plan: TransferPlan, context: UnsafeMutableRawPointer
    ) throws(OptionRefused) {
        switch plan.upload {
        case .bytes(let bytes):
            try setOffset(CURLOPT_POSTFIELDSIZE_LARGE, bytes.count)
            if bytes.isEmpty {
                try set(CURLOPT_COPYPOSTFIELDS, "")
            } else {
                try setBytes(CURLOPT_COPYPOSTFIELDS, bytes)
            }
            try set(CURLOPT_CUSTOMREQUEST, plan.method)
        case .stream(let length):
            try set(CURLOPT_UPLOAD, 1)
            try setOffset(CURLOPT_INFILESIZE_LARGE, length ?? -1)
            try set(CURLOPT_CUSTOMREQUEST, plan.method)
        case .none where plan.method == "HEAD":
            try set(CURLOPT_NOBODY, 1)
        case .none where ["POST", "PUT", "PATCH"].contains(plan.method):
            // A length of zero is said aloud, as RFC 9110 section 8.6 asks of these methods.
            try setOffset(CURLOPT_POSTFIELDSIZE_LARGE, 0)
            try set(CURLOPT_COPYPOSTFIELDS, "")
            try set(CURLOPT_CUSTOMREQUEST, plan.method)
        case .none:
            if plan.method != "GET" { try set(CURLOPT_CUSTOMREQUEST, plan.method) }
        }
    }

    private func prepareTimeouts(_ plan: TransferPlan) throws(OptionRefused) {
        try set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(plan.timeouts.connect.milliseconds)))
        if let remaining = plan.remaining { try set(CURLOPT_TIMEOUT_MS, max(1, Int(remaining.milliseconds))) }
        if let idle = plan.timeouts.idle {
            try set(CURLOPT_LOW_SPEED_LIMIT, 1)
            try set(CURLOPT_LOW_SPEED_TIME, max(1, Int(idle.seconds.rounded(.up))))
        }
    }

    private func prepareCallbacks(
        _ plan: TransferPlan, context: UnsafeMutableRawPointer
    ) throws(OptionRefused) {
        // A header is handed to the handle as well, which knows the facts that belong to a head.
        _ = lab_curl_set_bytes_function(pointer, CURLOPT_HEADERFUNCTION, TransferCallbacks.header)
        try setContext(CURLOPT_HEADERDATA, Unmanaged.passUnretained(self).toOpaque())
        _ = lab_curl_set_bytes_function(pointer, CURLOPT_WRITEFUNCTION, TransferCallbacks.body)
        try setContext(CURLOPT_WRITEDATA, context)
        guard case .stream = plan.upload else { return }
        _ = lab_curl_set_bytes_function(pointer, CURLOPT_READFUNCTION, TransferCallbacks.supply)
        try setContext(CURLOPT_READDATA, context)
        _ = lab_curl_set_seek_function(pointer, TransferCallbacks.seek)
        try setContext(CURLOPT_SEEKDATA, context)
    }

    private func prepareTLS(_ configuration: HTTPClientConfiguration) throws(OptionRefused) {
        switch configuration.trust {
        case .system: break
        case .systemAnd(let pem): try setBlob(CURLOPT_CAINFO_BLOB, pem)
        case .authorities(let pem):
            try setBlob(CURLOPT_CAINFO_BLOB, pem)
            // The system's authorities come from this directory as well.
            try set(CURLOPT_CAPATH, nil)
        case .unverified:
            try set(CURLOPT_SSL_VERIFYPEER, 0)
            try set(CURLOPT_SSL_VERIFYHOST, 0)
        }
        if let certificate = configuration.clientCertificate {
            try setBlob(CURLOPT_SSLCERT_BLOB, certificate.chainPEM)
            try setBlob(CURLOPT_SSLKEY_BLOB, certificate.keyPEM.reveal())
        }
    }
}

extension HTTPConnectOverride {
    /// `HOST:PORT:CONNECT-TO-HOST:CONNECT-TO-PORT`, IPv6 addresses in brackets (CURLOPT_CONNECT_TO).
    var line: String {
        func spelled(_ host: String?) -> String {
            guard let host else { return "" }
            return host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        }
        func spelled(_ port: Int?) -> String { port.map { String($0) } ?? "" }
        return "\(spelled(host)):\(spelled(port)):\(spelled(toHost)):\(spelled(toPort))"
    }
}
