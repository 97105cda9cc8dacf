internal import CCurl

/// Scheme, host and port of a URL, as libcurl itself reads it, so that there are no two opinions on where a request
/// goes.
struct Origin: Sendable, Equatable, CustomStringConvertible {
    let scheme: String
    let host: String
    let port: Int

    var description: String { "\(scheme)://\(host):\(port)" }

    init(url: String, method: HTTPMethod) throws(HTTPClientError) {
        func refuse(_ detail: String) -> HTTPClientError {
            HTTPClientError(.invalidRequest, at: method.name, detail: detail)
        }
        guard !url.utf8.contains(0), let parts = curl_url() else { throw refuse("the URL cannot be read") }
        defer { curl_url_cleanup(parts) }
        guard curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK else {
            throw refuse("the URL is not an absolute http or https URL")
        }
        guard let scheme = Self.part(CURLUPART_SCHEME, of: parts), scheme == "http" || scheme == "https",
            let host = Self.part(CURLUPART_HOST, of: parts), !host.isEmpty,
            let port = Self.part(CURLUPART_PORT, of: parts).flatMap({ Int($0) })
        else { throw refuse("the URL is not an absolute http or https URL") }
        guard Self.part(CURLUPART_USER, of: parts) == nil, Self.part(CURLUPART_PASSWORD, of: parts) == nil else {
            throw refuse("the URL holds a user or password; set authorization instead")
        }
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    private static func part(_ part: CURLUPart, of url: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(url, part, &text, UInt32(CURLU_DEFAULT_PORT)) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
