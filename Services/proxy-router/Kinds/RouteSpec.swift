public import LabCore

/// What is declared of a route: this host name leads to that upstream.
public struct RouteSpec: Sendable, Hashable {
    /// Who may use it.
    public enum Access: String, Sendable, Codable, CaseIterable {
        /// Everybody whom the listener lets in; may be shown to the outside.
        case `public`
        /// Everybody in the lab: whoever reaches the listener.
        case lab
        /// The owner alone, after signing in.
        case owner
    }

    public static let maximumTitleLength = 120
    /// 0 is no limit; 1 TiB is the most.
    public static let bodyRange = 0...1_048_576

    public var host: Hostname
    public var upstream: UpstreamURL
    /// Put before the path of each request, for an upstream that does not serve at its root.
    public var pathPrefix: PathPrefix?
    public var title: String?
    public var healthPath: ProbePath
    public var maximumBodyMegabytes: Int
    public var access: Access

    /// - Throws: ``InvalidText`` for a title or a limit out of range.
    public init(
        host: Hostname, upstream: UpstreamURL, pathPrefix: PathPrefix? = nil, title: String? = nil,
        healthPath: ProbePath = .root, maximumBodyMegabytes: Int = 0, access: Access = .lab
    ) throws(InvalidText) {
        try Self.check(title: title)
        try Self.check(body: maximumBodyMegabytes)
        self.host = host
        self.upstream = upstream
        self.pathPrefix = pathPrefix
        self.title = title
        self.healthPath = healthPath
        self.maximumBodyMegabytes = maximumBodyMegabytes
        self.access = access
    }

    private static func check(title: String?) throws(InvalidText) {
        guard let title else { return }
        guard title.count <= maximumTitleLength, !title.contains(where: \.isNewline) else {
            throw InvalidText("the title is too long or has a line break", remedy: "Give one line of 120 characters")
        }
    }

    private static func check(body: Int) throws(InvalidText) {
        guard bodyRange.contains(body) else {
            throw InvalidText(
                "\(body) MB is out of range", remedy: "Give 0 for no limit, or up to \(bodyRange.upperBound)")
        }
    }
}

extension RouteSpec: Codable {
    private enum CodingKeys: String, CodingKey {
        case host, upstream, pathPrefix, title, healthPath, maximumBodyMegabytes, access
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        host = try container.decode(Hostname.self, forKey: .host)
        upstream = try container.decode(UpstreamURL.self, forKey: .upstream)
        pathPrefix = try container.decodeIfPresent(PathPrefix.self, forKey: .pathPrefix)
        title = try container.decodeIfPresent(String.self, forKey: .title)
        healthPath = try container.decodeIfPresent(ProbePath.self, forKey: .healthPath) ?? .root
        maximumBodyMegabytes = try container.decodeIfPresent(Int.self, forKey: .maximumBodyMegabytes) ?? 0
        access = try container.decodeIfPresent(Access.self, forKey: .access) ?? .lab
        try Self.refusing(at: .title, in: container) { () throws(InvalidText) in try Self.check(title: title) }
        try Self.refusing(at: .maximumBodyMegabytes, in: container) { () throws(InvalidText) in
            try Self.check(body: maximumBodyMegabytes)
        }
    }

    private static func refusing(
        at key: CodingKeys, in container: KeyedDecodingContainer<CodingKeys>, _ check: () throws(InvalidText) -> Void
    ) throws {
        do {
            try check()
        } catch {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: container.codingPath + [key], debugDescription: error.detail, underlyingError: error))
        }
    }
}
