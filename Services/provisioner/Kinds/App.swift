public import LabCore
public import LabService
import LabState

/// A web application: what is declared once, and then runs, has a route, a name, a certificate and a page.
public enum App: ManagedKind {
    public typealias Spec = AppSpec

    public static let name = "App"
    public static let plural = "apps"
    public static let summary = "A web application that runs in the lab and is reached by name over HTTPS."
    public static let operationPrefix = "app"
    public static let conditionTypes = ["Running", "Routed", "Resolvable", "Online", "Documented"]

    public static let fields = [
        "runtime":
            "What runs it. docker: a Compose file on a Docker engine; native: it runs already. Default: as it is given.",
        "upstream": "Of a native app, the HTTP server that answers for it: scheme, host and port.",
        "compose":
            "Of an app in containers, its Compose file. Its x-lab block says what the lab needs to know besides.",
        "files": "What lies beside the Compose file: the text of each file by its path.",
        "drift": "What is done about containers that somebody changed: correct or report. Default: correct.",
        "release": "The release whose images are wanted, whatever their names mean now.",
        "stopped": "Whether an app in containers is to be there and not to run.",
        "rotation": "How often secrets of it were made anew; counted by that.",
        "upgrade": "How often its images were brought anew; counted by that, and kept where it is left out.",
        "actor": "Who declared an app in containers; set by the lab.",
        "message": "Why an app in containers is declared, in one line; its release says it.",
        "volumes": "What becomes of its volumes and its folder when it is removed: keep or remove. Default: keep.",
        "host": "Where people reach it; inside LAB_DOMAIN or LAB_ZONES. Default: <name>.<LAB_DOMAIN>.",
        "title": "What people call it. Default: its name.",
        "summary": "One sentence for its page.",
        "category": "Its group on the page of all apps.",
        "notes": "Markdown for its page, at most 20 kB.",
        "healthPath": "What is asked for to see whether it runs. Default: /.",
        "access": "Who may reach it: public, lab or owner. Default: lab.",
        "allow":
            "What its Compose file may do beyond its containers: privileged, host-network, host-paths; besides what its x-lab block allows.",
        "exposed":
            "Whether people reach it by HTTP. Default: yes, unless its Compose file says “expose: none”.",
        "platform": "Whether it is one of the platform's own services; set by the platform alone.",
    ]

    /// Checks the name, the host and the runtime, and that no other app has the host.
    public static func admit(_ spec: AppSpec, name: ResourceName, _ call: OperationCall) async throws -> AppSpec {
        let name = try appName(name)
        let names = try LabNames(call.lab.settings)
        var spec = spec
        try checkWorkload(spec)
        if spec.effectiveRuntime == .docker {
            spec = try await ComposeCheck(
                DockerSettings(call.lab.settings), postgres: call.lab.store.postgres, logger: call.lab.logger
            )
            .completed(spec, name: name, names)
            try await checkRelease(spec, of: name, call)
        }
        let host = try check(spec, name: name, names)
        let present = try await call.lab.store.resource(App.self, ResourceName(name))
        guard present?.spec.platform != true else {
            throw Problem.conflict(
                "App \(name) is one of the platform's own services",
                remedy: "Declare yours with another name; the platform's are set with LAB_PLATFORM_APPS")
        }
        let holders = try await HostHolders(store: call.lab.store, names: names).holders(of: [host])
        if let other = holders[host]?.first(where: { $0.name.text != name.text }) {
            throw hostTaken(host, by: other.name)
        }
        return spec.declared(by: call.caller.name, instead: present?.spec)
    }

    /// What can be checked without knowing what else is declared.
    ///
    /// - Returns: the app's host.
    static func check(_ spec: AppSpec, name: AppName, _ names: LabNames) throws -> Hostname {
        guard spec.platform != true else {
            throw Problem.invalid(
                "/body/platform", "only the platform marks its own services",
                remedy: "Leave it out; the platform's services are set with LAB_PLATFORM_APPS")
        }
        let host: Hostname
        do {
            host = try spec.host(of: name, in: names)
            try names.check(host)
        } catch {
            throw error.problem(at: "/body/host")
        }
        if case .name(let upstream)? = spec.upstream?.host, upstream == host.text {
            throw Problem.invalid(
                "/body/upstream", "“\(upstream)” is the app's own host, so the proxy would ask itself",
                remedy: "Give the address of the server behind it, such as http://192.168.1.20:8096")
        }
        return host
    }

    /// A release that is asked for is there.
    private static func checkRelease(_ spec: AppSpec, of name: AppName, _ call: OperationCall) async throws {
        guard let number = spec.release else { return }
        let store = ReleaseStore(postgres: call.lab.store.postgres)
        guard try await store.release(number, of: name) == nil else { return }
        let releases = try await store.releases(of: name)
        throw Problem.invalid(
            "/body/release", "App \(name) has no release \(number)",
            remedy: releases.isEmpty
                ? "Leave it out" : "Give one of \(releases.map { "\($0.number)" }.joined(separator: ", "))")
    }

    /// An app has what its runtime needs, and nothing that another one would.
    static func checkWorkload(_ spec: AppSpec) throws {
        switch spec.effectiveRuntime {
        case .native:
            guard spec.upstream != nil else {
                throw Problem.invalid(
                    "/body/upstream", "a native app needs an upstream",
                    remedy: "Give the server that answers for it, such as http://192.168.1.20:8096, or a Compose file")
            }
            guard spec.compose == nil, spec.files == nil, spec.release == nil, spec.stopped == nil, spec.message == nil
            else {
                throw Problem.invalid(
                    "/body/compose", "a native app runs without the lab, so it has no Compose file and no releases",
                    remedy: "Leave out compose, files, release, stopped and message, or give the runtime docker")
            }
        case .docker:
            guard spec.upstream == nil else {
                throw Problem.invalid(
                    "/body/upstream", "the lab itself chooses where an app in containers answers",
                    remedy: "Leave it out, and say in x-lab.expose which service and port people reach")
            }
        }
    }

    /// The name as an app's, which is stricter than a resource's.
    static func appName(_ name: ResourceName) throws -> AppName {
        do {
            return try AppName(name.text)
        } catch {
            throw error.problem(at: "/name")
        }
    }

    static func hostTaken(_ host: Hostname, by other: ResourceName) -> Problem {
        let detail = "“\(host)” is the host of App \(other)"
        let remedy = "Give another host, or remove App \(other) first"
        return .conflict(detail, remedy: remedy, fields: [Problem.Field("/body/host", detail, remedy: remedy)])
    }

    static func key(_ name: ResourceName) -> ResourceKey { ResourceKey(kind: App.name, name: name) }
}
