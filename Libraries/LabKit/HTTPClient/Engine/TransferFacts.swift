internal import CCurl
import Glibc

extension EasyHandle {
    /// What the handle knows about a response, beside its parsed header lines.
    func head(of parsed: ResponseHeadParser) -> HTTPResponseHead {
        var timings = HTTPTimings()
        timings.nameLookup = time(CURLINFO_NAMELOOKUP_TIME_T)
        timings.connect = time(CURLINFO_CONNECT_TIME_T)
        timings.tlsHandshake = time(CURLINFO_APPCONNECT_TIME_T)
        timings.firstByte = time(CURLINFO_STARTTRANSFER_TIME_T)
        timings.total = time(CURLINFO_TOTAL_TIME_T)
        // Over a Unix domain socket libcurl gives its path for an address.
        let address = text(CURLINFO_PRIMARY_IP).flatMap { $0.isEmpty || $0.hasPrefix("/") ? nil : $0 }
        return HTTPResponseHead(
            status: parsed.status, headers: HTTPHeaders(parsed.headers), version: parsed.version,
            url: text(CURLINFO_EFFECTIVE_URL) ?? "",
            remoteAddress: address, remotePort: address == nil ? nil : long(CURLINFO_PRIMARY_PORT),
            timings: timings, certificates: certificateLines.map(PeerCertificate.init(lines:)))
    }

    /// Puts a failure in our terms.
    func failure(_ code: CURLcode, of transfer: Transfer) -> HTTPClientError {
        let place = transfer.plan.place
        if let fault = transfer.fault { return HTTPClientError(fault.kind, at: place, detail: fault.detail) }
        return HTTPClientError(kind(of: code, transfer: transfer), at: place, detail: detail(of: code))
    }

    private func detail(of code: CURLcode) -> String {
        let text = lastError
        return text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
    }

    private func kind(of code: CURLcode, transfer: Transfer) -> HTTPClientError.Kind {
        let plan = transfer.plan
        return switch code {
        case CURLE_URL_MALFORMAT: .invalidRequest
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .couldNotResolve
        case CURLE_COULDNT_CONNECT:
            long(CURLINFO_OS_ERRNO) == Int(ECONNREFUSED) ? .connectionRefused : .couldNotConnect
        case CURLE_OPERATION_TIMEDOUT: timeout(plan)
        case CURLE_PEER_FAILED_VERIFICATION: verificationFailure
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CIPHER: .tlsHandshake
        case CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE:
            .tlsConfiguration
        case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE, CURLE_SEND_FAIL_REWIND,
            CURLE_HTTP2_STREAM:
            .connectionClosed
        // The scheme is checked before, so the protocol is HTTP/0.9: whatever came did not begin with a status line.
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING, CURLE_HTTP2:
            .protocolViolation
        case CURLE_FILESIZE_EXCEEDED: .bodyTooLarge(limit: plan.bodyLimit ?? 0)
        // libcurl's own bound on one header line, which a line that never ends meets before ours.
        case CURLE_OUT_OF_MEMORY where !transfer.parsedHead.isComplete:
            .headersTooLarge(limit: transfer.parsedHead.limit)
        case CURLE_READ_ERROR, CURLE_ABORTED_BY_CALLBACK: .requestBodyFailed
        default: .engine(code: Int(code.rawValue))
        }
    }

    private func timeout(_ plan: TransferPlan) -> HTTPClientError.Kind {
        if let idle = plan.timeouts.idle, lastError.hasPrefix("Operation too slow") {
            return .timedOut(.idle, after: idle)
        }
        // The stage of the connection that ended last is zero until it has ended.
        let stage = plan.origin.scheme == "https" ? CURLINFO_APPCONNECT_TIME_T : CURLINFO_CONNECT_TIME_T
        if time(CURLINFO_PRETRANSFER_TIME_T) == .zero, time(stage) == .zero,
            plan.remaining.map({ plan.timeouts.connect <= $0 }) ?? true
        {
            return .timedOut(.connecting, after: plan.timeouts.connect)
        }
        return .timedOut(.total, after: plan.timeouts.total ?? plan.timeouts.connect)
    }

    /// From OpenSSL's verify result (`X509_V_ERR_…` in x509_vfy.h). The name is checked by libcurl itself, after
    /// OpenSSL was content; libcurl's result is then still the 1 that it begins with (`X509_V_ERR_UNSPECIFIED`).
    private var verificationFailure: HTTPClientError.Kind {
        switch long(CURLINFO_SSL_VERIFYRESULT) {
        case 0, 1, 62, 64: .nameMismatch
        case 9: .certificateNotYetValid
        case 10: .certificateExpired
        case 2, 18, 19, 20, 21, 27: .unknownAuthority
        case let code: .certificateRefused(code: code)
        }
    }
}
