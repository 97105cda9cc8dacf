import LabCore
import LabService
import LabState
import Logging

/// The platform's own services as apps, from `LAB_PLATFORM_APPS`: the lab routes, names, watches and documents itself.
struct PlatformApps: Sendable {
    static let category = "platform"

    /// In the order of their names.
    let upstreams: [(name: AppName, upstream: UpstreamURL)]
    private let summaries: [String: String]

    /// - Parameter text: `provisioner=http://127.0.0.1:8080,dns-manager=http://127.0.0.1:8080`.
    init(_ text: String) throws(InvalidText) {
        var upstreams: [AppName: UpstreamURL] = [:]
        for entry in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw InvalidText(
                    "“\(entry)” is not a name with an upstream", remedy: "Write provisioner=http://127.0.0.1:8080")
            }
            let name = try AppName(String(parts[0]))
            guard upstreams[name] == nil else {
                throw InvalidText("“\(name)” is there twice", remedy: "Give each service once")
            }
            upstreams[name] = try UpstreamURL(String(parts[1]))
        }
        self.upstreams = upstreams.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        summaries = [ProvisionerService.name: ProvisionerService.summary]
    }

    func spec(of name: AppName, _ upstream: UpstreamURL) throws(InvalidText) -> AppSpec {
        AppSpec(
            upstream: upstream, title: try AppTitle("Lab \(name)"),
            summary: try AppSummary(summaries[name.text] ?? "The service \(name) of the platform."),
            category: try AppTitle(Self.category), healthPath: try HealthPath("/healthz"), platform: true)
    }

    /// Declares what is listed, removes what is not listed any more, and repeats both, until the task is cancelled.
    func keep(_ store: ResourceStore, every interval: Duration = .seconds(60), logger: Logger) async throws {
        while true {
            try await update(store, logger: logger)
            try await Task.sleep(for: interval)
        }
    }

    func update(_ store: ResourceStore, logger: Logger) async throws {
        let present = try await store.resources(App.self).readable
        let byName = Dictionary(present.map { ($0.name, $0) }) { first, _ in first }
        for (name, upstream) in upstreams {
            let key = App.key(ResourceName(name))
            let spec = try spec(of: name, upstream)
            if let other = byName[key.name] {
                if other.isDeleted || other.spec == spec { continue }
                guard other.spec.platform == true else {
                    logger.warning(
                        "A person's app has the name of a service of the platform", metadata: ["app": "\(name)"])
                    continue
                }
            }
            try await store.declare(
                Declaration(key, spec: spec),
                telling: [NewEvent("app.declared", about: key, payload: ["by": "the platform"])])
        }
        let listed = Set(upstreams.map(\.name.text))
        for app in present where app.spec.platform == true && !app.isDeleted && !listed.contains(app.name.text) {
            try await store.remove(
                [app.key], telling: [NewEvent("app.removal_asked", about: app.key, payload: ["by": "the platform"])])
        }
    }
}
