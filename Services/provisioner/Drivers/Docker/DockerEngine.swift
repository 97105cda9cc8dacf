import FoundationEssentials
import LabCore
import LabHTTPClient
import LabState
import Logging

/// The Docker engine's API over its socket (Docker Engine API v1.41, https://docs.docker.com/engine/api/v1.41/), as far
/// as the lab looks at containers and brings images. An engine that takes newer versions alone is asked in its oldest one.
struct DockerEngine: Sendable {
    /// A container, from `GET /containers/json`.
    struct Container: Sendable, Decodable {
        let id: String
        /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
        let state: String
        /// For people: `Up 5 seconds (health: starting)`, `Exited (137) 2 minutes ago`.
        let status: String
        let imageID: String
        let labels: [String: String]
        private let names: [String]?
        private let networkSettings: NetworkSettings?
        private let mounts: [Mount]?
        let ports: [Port]?

        /// A port of it that the host has.
        struct Port: Sendable, Decodable {
            let address: String?
            let published: Int?
            let kind: String
            private enum CodingKeys: String, CodingKey {
                case address = "IP"
                case published = "PublicPort"
                case kind = "Type"
            }
        }

        private struct Mount: Sendable, Decodable {
            let kind: String?
            let name: String?
            private enum CodingKeys: String, CodingKey {
                case kind = "Type"
                case name = "Name"
            }
        }

        private struct NetworkSettings: Sendable, Decodable {
            struct Endpoint: Sendable, Decodable {}
            let networks: [String: Endpoint]?
            private enum CodingKeys: String, CodingKey { case networks = "Networks" }
        }

        private enum CodingKeys: String, CodingKey {
            case id = "Id"
            case state = "State"
            case status = "Status"
            case imageID = "ImageID"
            case labels = "Labels"
            case names = "Names"
            case networkSettings = "NetworkSettings"
            case mounts = "Mounts"
            case ports = "Ports"
        }

        var name: String { String((names?.first ?? id).drop { $0 == "/" }) }

        /// The volumes that its image asks for and no file names: nothing finds them when it is gone.
        var anonymousVolumes: [String] {
            (mounts ?? []).filter { $0.kind == "volume" }.compactMap(\.name).filter { name in
                name.utf8.count == 64 && name.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
            }
        }

        /// The names of the networks that it is in.
        var networks: Set<String> { Set((networkSettings?.networks ?? [:]).keys) }

        /// Whether Compose was ended while it put this one in another's place: until then it is called by the other's id
        /// and name, `0123456789ab_lab-notes-web-1`.
        var isHalfMade: Bool {
            let name = (names?.first ?? "").drop { $0 == "/" }.utf8
            return name.count > 13 && name.prefix(12).allSatisfy { "0123456789abcdef".utf8.contains($0) }
                && name.dropFirst(12).first == UInt8(ascii: "_")
        }

        var service: String { labels["com.docker.compose.service"] ?? "" }
        var configurationHash: String? { labels["com.docker.compose.config-hash"] }
        var isRunning: Bool { state == "running" }
        var isUnhealthy: Bool { status.hasSuffix("(unhealthy)") }
        var isStarting: Bool { status.hasSuffix("(health: starting)") }
        /// nil while it has not ended.
        var exitCode: Int? { state == "exited" ? code(after: "Exited (") : nil }
        /// The code that it ended with before it is started anew; nil when it is not just being so.
        var restartCode: Int? { state == "restarting" ? code(after: "Restarting (") : nil }

        private func code(after beginning: String) -> Int? {
            guard status.hasPrefix(beginning), let end = status.firstIndex(of: ")") else { return nil }
            return Int(status[status.index(status.startIndex, offsetBy: beginning.count)..<end])
        }
    }

    /// A named volume, from `GET /volumes`.
    struct Volume: Sendable, Decodable {
        let name: String
        private let labels: [String: String]?

        private enum CodingKeys: String, CodingKey {
            case name = "Name"
            case labels = "Labels"
        }

        /// Whether its file says that several apps use it.
        var isShared: Bool { labels?["lab.shared"] == "true" }
    }

    /// What the machine has, from `GET /info`.
    struct Machine: Sendable, Decodable {
        /// In bytes.
        let memory: Int64
        let cores: Int

        private enum CodingKeys: String, CodingKey {
            case memory = "MemTotal"
            case cores = "NCPU"
        }
    }

    let socket: String
    let http: HTTPClient
    private let version = EngineVersion()

    init(socket: String, logger: Logger) {
        self.socket = socket
        var configuration = HTTPClientConfiguration()
        configuration.unixSocketPath = socket
        http = HTTPClient(configuration: configuration, logger: logger)
    }

    /// All containers of a Compose project, also those that do not run.
    func containers(of project: String) async throws -> [Container] {
        let filters = PercentEncoding.encode(#"{"label":["com.docker.compose.project=\#(project)"]}"#)
        return try await get("/containers/json?all=1&filters=\(filters)").json([Container].self)
    }

    /// The same of all projects, and of those that belong to none; only what runs.
    func runningContainers() async throws -> [Container] { try await get("/containers/json").json([Container].self) }

    /// How often the engine has started a container anew because it ended; nil when it is gone.
    func restarts(of container: String) async throws -> Int? {
        struct Answer: Decodable {
            let restarts: Int
            private enum CodingKeys: String, CodingKey { case restarts = "RestartCount" }
        }
        do {
            return try await get("/containers/\(container)/json").json(Answer.self).restarts
        } catch DockerFault.notFound {
            return nil
        }
    }

    func machine() async throws -> Machine { try await get("/info").json(Machine.self) }

    /// The volumes that a Compose project made.
    func volumes(of project: String) async throws -> [Volume] {
        struct Answer: Decodable {
            let volumes: [Volume]?
            private enum CodingKeys: String, CodingKey { case volumes = "Volumes" }
        }
        let filters = PercentEncoding.encode(#"{"label":["com.docker.compose.project=\#(project)"]}"#)
        return try await get("/volumes?filters=\(filters)").json(Answer.self).volumes ?? []
    }

    /// Removes a volume; one that is gone already is none.
    func removeVolume(_ name: String) async throws {
        do {
            _ = try await send(.delete, "/volumes/\(PercentEncoding.encode(name))")
        } catch DockerFault.notFound {
            return
        }
    }

    /// Puts a container into a network, with a name that others find it by there. One that is in it already stays as it
    /// is.
    func connect(_ container: String, to network: String, alias: String) async throws {
        do {
            _ = try await send(
                .post, "/networks/\(PercentEncoding.encode(network))/connect",
                body: ["Container": .string(container), "EndpointConfig": ["Aliases": [.string(alias)]]])
        } catch DockerFault.refused(status: 403, let message) where message.contains("already exists in network") {
            return
        }
    }

    /// Removes a container, also one that runs; one that is gone is none.
    func remove(_ container: String) async throws {
        do {
            _ = try await send(.delete, "/containers/\(container)?force=1")
        } catch DockerFault.notFound, DockerFault.conflict {
            // It is gone, or is going.
            return
        }
    }

    func unpause(_ container: String) async throws {
        do {
            _ = try await send(.post, "/containers/\(container)/unpause")
        } catch DockerFault.notFound, DockerFault.conflict {
            // It runs already, or is gone, which the next look sees.
            return
        }
    }

    /// The end of what a container wrote, standard output and standard error together.
    ///
    /// - Parameter withTimes: puts the time in RFC 3339 and a space before each line.
    func logs(
        of container: String, lines: Int, since: Date? = nil, withTimes: Bool = false
    ) async throws -> String {
        let since = since.map { "&since=\($0.timeIntervalSince1970)" } ?? ""
        let times = withTimes ? "&timestamps=1" : ""
        let response = try await get("/containers/\(container)/logs?stdout=1&stderr=1&tail=\(lines)\(since)\(times)")
        return DockerLogFrames.text(response.body)
    }

    /// What an image is called by its content: `sha256:…`; nil when the engine has none of the name.
    func imageID(of reference: String) async throws -> String? {
        do {
            struct Image: Decodable {
                let id: String
                private enum CodingKeys: String, CodingKey { case id = "Id" }
            }
            return try await get("/images/\(reference)/json").json(Image.self).id
        } catch DockerFault.notFound {
            return nil
        }
    }

    /// Names an image, so that it stays as long as the name does.
    func tag(_ image: String, repository: String, tag: String) async throws {
        _ = try await send(.post, "/images/\(image)/tag?repo=\(PercentEncoding.encode(repository))&tag=\(tag)")
    }

    /// Takes a name away from an image; the image goes with its last name. One that is in use or gone stays as it is.
    func untag(_ reference: String) async throws {
        do {
            _ = try await send(.delete, "/images/\(reference)")
        } catch DockerFault.notFound, DockerFault.conflict {
            return
        }
    }

    /// The names below a repository's prefix.
    func references(below prefix: String) async throws -> [String] {
        struct Image: Decodable {
            let names: [String]?
            private enum CodingKeys: String, CodingKey { case names = "RepoTags" }
        }
        let filters = PercentEncoding.encode(#"{"reference":["\#(prefix)*"]}"#)
        let images = try await get("/images/json?filters=\(filters)").json([Image].self)
        return images.flatMap { $0.names ?? [] }.filter { $0.hasPrefix(prefix) }
    }

    /// Pulls an image from its registry, with the login that `docker login` left on this machine.
    ///
    /// - Parameters:
    ///   - platform: such as `linux/arm64`; nil for the machine's own.
    ///   - progress: called with what has come and what is to come of all layers, in bytes.
    func pull(
        _ reference: String, for platform: String? = nil, telling progress: @Sendable (PullProgress) -> Void
    ) async throws {
        let name = ImageReference(reference)
        var request = HTTPRequest(
            method: .post,
            url: try await url(
                "/images/create?fromImage=\(PercentEncoding.encode(name.repository))"
                    + "&tag=\(PercentEncoding.encode(name.tag))"
                    + (platform.map { "&platform=\(PercentEncoding.encode($0))" } ?? "")))
        request.headers["X-Registry-Auth"] = try await RegistryLogins().header(for: name.registry)
        request.timeouts = HTTPTimeouts(connect: .seconds(5), total: nil, idle: .seconds(120))
        request.retries = .never
        try await translating {
            try await http.withStreamingResponse(request) { response in
                guard response.head.status == 200 else {
                    var body: [UInt8] = []
                    for try await chunk in response.body { body += chunk }
                    throw DockerFault(status: response.head.status, body: body)
                }
                var lines = PullLines()
                for try await chunk in response.body {
                    if let now = try lines.add(chunk) { progress(now) }
                }
            }
        }
    }

    /// Follows what happens to the containers of Compose projects, until the engine ends the stream.
    ///
    /// - Parameter body: called with the project's name at each change of a container's state or health.
    func followContainers(_ body: @Sendable (_ project: String) -> Void) async throws {
        struct Event: Decodable {
            struct Actor: Decodable {
                let attributes: [String: String]?
                private enum CodingKeys: String, CodingKey { case attributes = "Attributes" }
            }
            let actor: Actor?
            private enum CodingKeys: String, CodingKey { case actor = "Actor" }
        }
        let kinds =
            #"{"type":["container"],"event":["die","stop","destroy","start","pause","unpause","rename","update","health_status"]}"#
        var request = HTTPRequest(
            method: .get, url: try await url("/events?filters=\(PercentEncoding.encode(kinds))"))
        request.timeouts = .unlimited
        request.retries = .never
        try await translating {
            try await http.withStreamingResponse(request) { response in
                guard response.head.status == 200 else { throw DockerFault(status: response.head.status, body: []) }
                var lines = LineBuffer()
                for try await chunk in response.body {
                    for line in lines.add(chunk) {
                        let event = try? JSONText(trusted: line).decode(Event.self)
                        if let project = event?.actor?.attributes?["com.docker.compose.project"] { body(project) }
                    }
                }
            }
        }
    }

    func shutdown() async { await http.shutdown() }

    private func get(_ path: String) async throws -> HTTPResponse { try await send(.get, path) }

    func send(
        _ method: HTTPMethod, _ path: String, body: JSONValue? = nil, within time: Duration = .seconds(30)
    ) async throws -> HTTPResponse {
        var request = HTTPRequest(method: method, url: try await url(path))
        if let body {
            request.headers["Content-Type"] = "application/json"
            request.body = .text(try JSONText(encoding: body).text)
        }
        request.timeouts = HTTPTimeouts(connect: .seconds(5), total: time)
        request.maximumBodyBytes = 16 << 20
        let response = try await translating { [request] in try await http.execute(request) }
        guard response.isSuccess else { throw DockerFault(status: response.status, body: response.body) }
        return response
    }

    /// The address of a path in the version that this engine is asked in.
    func url(_ path: String) async throws -> String {
        let version = try await version.value {
            var request = HTTPRequest(method: .get, url: "http://docker/version")
            request.timeouts = HTTPTimeouts(connect: .seconds(5), total: .seconds(30))
            let response = try await translating { [request] in try await http.execute(request) }
            guard response.isSuccess else { throw DockerFault(status: response.status, body: response.body) }
            return try response.json(EngineVersion.Answer.self)
        }
        return "http://docker/v\(version)\(path)"
    }

    func translating<Value>(_ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch let error as HTTPClientError where error.isConnectionFailure {
            // Another one may answer next time.
            version.forget()
            throw DockerFault.unavailable("the Docker engine at \(socket) does not answer: \(error.cause)")
        }
    }
}

/// Why the engine did not do what it was asked.
enum DockerFault: Error, Sendable, CustomStringConvertible {
    case unavailable(String)
    case notFound(String)
    case conflict(String)
    case refused(status: Int, String)
    /// A command in a container did not end in time.
    case timedOut(after: Duration)

    init(status: Int, body: [UInt8]) {
        struct Answer: Decodable {
            let message: String
        }
        let text = String(decoding: body, as: UTF8.self)
        let message = (try? JSONText(trusted: text).decode(Answer.self))?.message ?? text
        switch status {
        case 404: self = .notFound(message)
        case 409: self = .conflict(message)
        default: self = .refused(status: status, message)
        }
    }

    /// What the engine said, alone.
    var message: String {
        switch self {
        case .unavailable(let words), .notFound(let words), .conflict(let words), .refused(_, let words): words
        case .timedOut: description
        }
    }

    var description: String {
        switch self {
        case .unavailable(let detail): "\(detail). Start it: systemctl start docker"
        case .notFound(let message), .conflict(let message): message
        case .timedOut(let time): "it has not ended after \(time)"
        case .refused(let status, let message): "the Docker engine answered \(status): \(message)"
        }
    }
}

/// The name of an image: `registry:5000/name:tag`, `name@sha256:…`. A tag that is missing is `latest`.
struct ImageReference: Sendable, Hashable {
    let repository: String
    let tag: String

    init(_ text: String) {
        if let at = text.firstIndex(of: "@") {
            repository = String(text[..<at])
            tag = String(text[text.index(after: at)...])
        } else if let colon = text.lastIndex(of: ":"), !text[colon...].contains("/") {
            repository = String(text[..<colon])
            tag = String(text[text.index(after: colon)...])
        } else {
            repository = text
            tag = "latest"
        }
    }
}

/// The engine sends the two outputs of a container in one stream: frames of a head of eight bytes (the output's number,
/// three zeroes, the length in network order) and their text. A container with a terminal sends its text as it is.
enum DockerLogFrames {
    static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var position = 0
        while position + 8 <= bytes.count {
            guard bytes[position] <= 2, bytes[position + 1..<position + 4].allSatisfy({ $0 == 0 }) else {
                return String(decoding: bytes, as: UTF8.self)
            }
            let length = bytes[position + 4..<position + 8].reduce(0) { $0 << 8 | Int($1) }
            let end = min(bytes.count, position + 8 + length)
            text += bytes[position + 8..<end]
            position = end
        }
        return String(decoding: text, as: UTF8.self)
    }
}
