/// The rules by which a redirect becomes the next request.
enum Redirect {
    /// Headers that go to another origin as well: they describe the content and the client, and carry no credential.
    private static let harmless: Set<String> = [
        "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "content-encoding",
        "content-language", "content-type", "if-modified-since", "if-none-match", "range", "user-agent",
    ]

    /// The request that follows a response, or nil where the response stands.
    /// - Parameter target: the absolute URL of the redirect, as libcurl resolved it against the request's.
    static func next(
        after status: Int, to target: String?, from request: HTTPRequest, at origin: Origin, followed: Int
    ) throws -> (HTTPRequest, Origin)? {
        guard case .follow(let maximum) = request.redirects, [301, 302, 303, 307, 308].contains(status),
            let target
        else { return nil }
        let place = "\(request.method) \(origin)"
        guard followed < maximum else { throw HTTPClientError(.tooManyRedirects(limit: maximum), at: place) }
        var next = request
        next.url = target
        guard let destination = try? Origin(url: target, method: request.method) else {
            throw HTTPClientError(.insecureRedirect, at: place, detail: "its target is no http or https URL")
        }
        guard destination.scheme == "https" || origin.scheme == "http" else {
            throw HTTPClientError(.insecureRedirect, at: place, detail: "to \(destination)")
        }
        if status == 303 && request.method != .head || status <= 302 && request.method == .post {
            // RFC 9110 sections 15.4.2 to 15.4.4: the answer is to be fetched.
            next.method = .get
            next.body = .none
            for name in ["Content-Type", "Content-Encoding", "Content-Language"] { next.headers[name] = nil }
        } else if !next.body.isReplayable {
            return nil
        }
        if destination != origin {
            next.authorization = nil
            next.headers = HTTPHeaders(request.headers.fields.filter { harmless.contains($0.name.lowercased()) })
        }
        return (next, destination)
    }
}
