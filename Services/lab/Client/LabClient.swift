import FoundationEssentials
import Glibc
import LabKit

/// Talks to a lab's REST API: one of this machine, found by its state directory, or another one by `LAB_URL`.
struct LabClient: Sendable {
    /// Where a lab answers.
    private enum Place: Sendable {
        /// All of it at one URL, without a final slash.
        case one(String)
        /// A service at a time, behind the proxy of the platform in containers.
        case platform(PlatformAddress)

        func url(for path: String) -> String {
            switch self {
            case .one(let base): base
            case .platform(let address): address.baseURL(for: path)
            }
        }

        var isPlatform: Bool {
            if case .platform = self { true } else { false }
        }
    }

    private let place: Place
    private let token: Secret<String>

    /// Whether the environment names a lab by its URL, which may be that of another machine.
    static var isElsewhere: Bool { !(ProcessInfo.processInfo.environment["LAB_URL"] ?? "").isEmpty }

    private let http: HTTPClient

    /// - Throws: ``CommandFault`` when no lab runs, or no token can be read.
    init(_ options: LabOptions) throws {
        let environment = ProcessInfo.processInfo.environment
        var configuration = HTTPClientConfiguration()
        if let url = environment["LAB_URL"], !url.isEmpty {
            guard ["http://", "https://"].contains(where: url.lowercased().hasPrefix) else {
                throw CommandFault(
                    "LAB_URL is “\(url)”", remedy: "Give the lab's URL, such as https://provisioner.home.arpa",
                    status: CommandFault.misuse)
            }
            guard let token = environment["LAB_TOKEN"], !token.isEmpty else {
                throw CommandFault(
                    "LAB_URL is set and LAB_TOKEN is not",
                    remedy: "Make a token on the lab's machine with “lab token create NAME”, and set LAB_TOKEN to it")
            }
            place = .one(url.hasSuffix("/") ? String(url.dropLast()) : url)
            self.token = Secret(token)
            if let path = environment["LAB_CA"], !path.isEmpty {
                guard let data = FileManager.default.contents(atPath: path) else {
                    throw CommandFault("LAB_CA names \(path), which cannot be read")
                }
                configuration.trust = .systemAnd(pem: String(decoding: data, as: UTF8.self))
            }
            http = HTTPClient(configuration: configuration, logger: .quiet)
            return
        }
        let directory = options.directory
        if let info = try directory.info() {
            place = .one(info.api)
            token = try Self.token(in: info.tokenFile, remedy: "Run as the user of “lab up”")
            http = HTTPClient(configuration: configuration, logger: .quiet)
            return
        }
        let files = PlatformAddress.Files(directory)
        guard let address = try files.read() else {
            throw CommandFault(
                "no lab runs in \(directory.path)",
                remedy: "Start it with “lab up” or “docker compose up -d”, or name another one with --state-dir or "
                    + "LAB_URL", status: 2)
        }
        guard let authority = FileManager.default.contents(atPath: files.authority) else {
            throw CommandFault(
                "the platform in containers has no authority yet: \(files.authority) is missing",
                remedy: "See how far it is: docker compose ps", status: 2)
        }
        place = .platform(address)
        token = try Self.token(in: files.adminToken, remedy: "Run as the user whom the clone belongs to")
        configuration.trust = .authorities(pem: String(decoding: authority, as: UTF8.self))
        // By the proxy of this machine, whatever the machine's own resolver knows of the lab's names.
        configuration.connectOverrides = [
            HTTPConnectOverride(host: nil, port: address.port, toHost: address.local, toPort: nil)
        ]
        http = HTTPClient(configuration: configuration, logger: .quiet)
    }

    private static func token(in file: String, remedy: String) throws -> Secret<String> {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw CommandFault("the token in \(file) cannot be read", remedy: remedy)
        }
        return Secret(String(decoding: data, as: UTF8.self).trimmed)
    }

    /// Asks for something and returns the answer's JSON text.
    ///
    /// - Parameter time: how long the answer may take; nil for as long as it takes.
    /// - Throws: the ``Problem`` that the lab answered with.
    func request(
        _ method: HTTPMethod, _ path: String, body: JSONText? = nil, within time: Duration? = .seconds(60)
    ) async throws -> JSONText {
        var request = make(method, path, body: body)
        if time == nil { request.timeouts = .unlimited }
        let response = try await answer(to: request, path)
        let text = JSONText(trusted: String(decoding: response.body, as: UTF8.self))
        guard (200..<300).contains(response.status) else { throw Self.problem(text, status: response.status) }
        return text
    }

    /// A platform in containers that has just started, or is being upgraded, is given a moment: its proxy may be there
    /// before the services and the certificates are.
    private func answer(to request: HTTPRequest, _ path: String) async throws -> HTTPResponse {
        let deadline = ContinuousClock.now + (place.isPlatform ? .seconds(15) : .zero)
        while true {
            do {
                let response = try await http.execute(request)
                guard place.isPlatform, response.isOfProxy, ContinuousClock.now < deadline else { return response }
            } catch let error as HTTPClientError {
                // Nothing of the request has reached the lab in these cases.
                let isEarly =
                    switch error.kind {
                    case .connectionRefused, .couldNotConnect, .unknownAuthority, .tlsHandshake: true
                    default: false
                    }
                guard isEarly, ContinuousClock.now < deadline else { throw unanswered(error, path) }
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    func get<Answer: Decodable>(_ path: String, as type: Answer.Type = Answer.self) async throws -> Answer {
        try await request(.get, path).decode(type)
    }

    /// Follows a stream of Server-Sent Events until `receive` returns false or the stream ends.
    ///
    /// - Parameter lastEventID: the id of the last event that is known; the stream begins after it.
    func follow(
        _ path: String, after lastEventID: String? = nil, _ receive: @Sendable (ServerSentEvent) async throws -> Bool
    ) async throws {
        var request = make(.get, path, body: nil)
        request.timeouts = .unlimited
        if let lastEventID { request.headers["Last-Event-ID"] = lastEventID }
        do {
            try await http.withStreamingResponse(request) { response in
                guard response.status == 200 else {
                    let body = try await response.collect(upTo: 1 << 20)
                    throw Self.problem(
                        JSONText(trusted: String(decoding: body, as: UTF8.self)), status: response.status)
                }
                var parser = ServerSentEventParser()
                for try await chunk in response.body {
                    for event in parser.receive(chunk) {
                        guard try await receive(event) else { return }
                    }
                }
            }
        } catch let error as HTTPClientError {
            throw unanswered(error, path)
        }
    }

    private func unanswered(_ error: HTTPClientError, _ path: String) -> CommandFault {
        CommandFault(
            "the lab at \(place.url(for: path)) does not answer: \(error.cause)",
            remedy: Self.isElsewhere
                ? "See whether it runs, and whether LAB_URL is right"
                : "See whether it runs: “\(place.isPlatform ? "docker compose ps" : "lab info")”",
            status: 2)
    }

    private func make(_ method: HTTPMethod, _ path: String, body: JSONText?) -> HTTPRequest {
        var request = HTTPRequest(method: method, url: place.url(for: path) + path)
        request.authorization = HTTPRequest.bearer(token)
        if let body {
            request.headers["Content-Type"] = "application/json"
            request.body = .bytes(Array(body.text.utf8))
        }
        return request
    }

    private static func problem(_ text: JSONText, status: Int) -> any Error {
        guard let document = try? text.decode(ProblemDocument.self) else {
            return CommandFault("the lab answered \(status) without saying why")
        }
        return document.problem
    }
}

extension HTTPResponse {
    /// Whether a proxy gave this answer that has no route yet: Traefik's own, in plain text.
    fileprivate var isOfProxy: Bool {
        status == 404 && headers["Content-Type"]?.hasPrefix("text/plain") == true
    }
}

/// `application/problem+json` as it is read (RFC 9457).
struct ProblemDocument: Decodable {
    struct Field: Decodable {
        let pointer: String
        let detail: String
        let remedy: String
    }

    let title: String
    let status: Int
    let detail: String
    let remedy: String?
    let errors: [Field]?

    var problem: Problem {
        let reason = Problem.Reason.allCases.first { Problem($0, title: "", detail: "").status == status }
        return Problem(
            reason ?? .internalFault, title: title, detail: detail, remedy: remedy,
            fields: (errors ?? []).map { Problem.Field($0.pointer, $0.detail, remedy: $0.remedy) })
    }
}
