public import LabCore

/// What is declared of an app.
public struct AppSpec: Codable, Sendable, Hashable {
    /// What runs it; where none is given, `docker` with a compose file, else `native`: it runs already.
    public var runtime: RuntimeName?
    /// Where it answers; an app that runs natively has one, one in containers is given it by the lab.
    public var upstream: UpstreamURL?
    /// The Compose file of an app in containers.
    public var compose: ComposeText?
    /// What lies beside the Compose file, by relative paths.
    public var files: [String: String]?
    /// What is done about containers that somebody changed by hand; they are put right where nothing is given.
    public var drift: DriftPolicy?
    /// The release whose images are wanted, whatever their names mean now; set by going back to it.
    public var release: Int?
    /// Whether an app in containers is to be there and not to run.
    public var stopped: Bool?
    /// How often secrets of it were made anew; counted by that.
    public var rotation: Int?
    /// How often its images were brought anew; counted by that, and kept where a declaration says nothing of it.
    public var upgrade: Int?
    /// Who declared it: a token's name, which the lab itself writes down.
    public var actor: String?
    /// Why it is declared, for those who read its releases.
    public var message: AppMessage?
    /// What becomes of an app's volumes and of its folder when it is removed; they are kept where nothing is given.
    public var volumes: VolumeRetention?
    /// Where people reach it; `<name>.<LAB_DOMAIN>` where none is given.
    public var host: Hostname?
    public var title: AppTitle?
    public var summary: AppSummary?
    public var category: AppTitle?
    public var notes: AppNotes?
    /// What is asked for to see whether it runs; `/` where none is given.
    public var healthPath: HealthPath?
    /// Who may reach it; the lab where nothing is given.
    public var access: AppAccess?
    /// Whether it is one of the platform's own services; only the platform says so.
    public var platform: Bool?
    /// Whether people reach it by HTTP; nil is yes.
    public var exposed: Bool?
    /// What its Compose file may do beyond its containers, besides what that allows itself.
    public var allow: [Allowance]?

    public init(
        upstream: UpstreamURL? = nil, runtime: RuntimeName? = nil, compose: ComposeText? = nil,
        files: [String: String]? = nil, drift: DriftPolicy? = nil, release: Int? = nil, stopped: Bool? = nil,
        rotation: Int? = nil, upgrade: Int? = nil, actor: String? = nil, message: AppMessage? = nil,
        volumes: VolumeRetention? = nil,
        host: Hostname? = nil, title: AppTitle? = nil, summary: AppSummary? = nil, category: AppTitle? = nil,
        notes: AppNotes? = nil, healthPath: HealthPath? = nil, access: AppAccess? = nil, platform: Bool? = nil,
        exposed: Bool? = nil, allow: [Allowance]? = nil
    ) {
        self.allow = allow
        self.exposed = exposed
        self.runtime = runtime
        self.upstream = upstream
        self.compose = compose
        self.files = files
        self.drift = drift
        self.release = release
        self.stopped = stopped
        self.rotation = rotation
        self.upgrade = upgrade
        self.actor = actor
        self.message = message
        self.volumes = volumes
        self.host = host
        self.title = title
        self.summary = summary
        self.category = category
        self.notes = notes
        self.healthPath = healthPath
        self.access = access
        self.platform = platform
    }

    /// What runs it, named or not.
    public var effectiveRuntime: RuntimeName { runtime ?? (compose == nil ? .native : .docker) }

    /// The host name that goes with an app's name.
    public func host(of name: AppName, in names: LabNames) throws(InvalidText) -> Hostname {
        if let host { return host }
        return try names.defaultHost(of: name)
    }
}

/// What can run an app. It grows with the drivers.
public enum RuntimeName: String, Codable, Sendable, Hashable, CaseIterable {
    /// Somebody else runs it; the lab watches it and puts it online.
    case native
    /// A Compose project on a Docker engine, which the lab starts and stops.
    case docker
}

/// What an app in containers may do beyond its containers.
public enum Allowance: String, Codable, Sendable, Hashable, CaseIterable {
    case privileged
    case hostNetwork = "host-network"
    case hostPaths = "host-paths"
}

/// What is done about what somebody changed by hand.
public enum DriftPolicy: String, Codable, Sendable, Hashable, CaseIterable {
    /// It is put right.
    case correct
    /// It is shown as a condition, and left as it is.
    case report
}

/// What becomes of what people keep in an app when it is removed.
public enum VolumeRetention: String, Codable, Sendable, Hashable, CaseIterable {
    case keep
    case remove
}

/// Who may reach an app, as its route says it.
public enum AppAccess: String, Codable, Sendable, Hashable, CaseIterable {
    /// Everybody whom the proxy's listener lets in; may be shown to the outside.
    case `public`
    /// Everybody in the lab.
    case lab
    /// The owner alone, after signing in.
    case owner
}
