import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab why notes`: from outside, as a client would, step by step.
struct Why: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Walk an app's way from outside and say the first step that is wrong.",
        discussion: "The steps: name, address, port, certificate, route, upstream.")

    @Argument(help: "The app's name.")
    var name: String

    @OptionGroup var options: LabOptions

    func run() async throws {
        let client = try LabClient(options)
        guard let entrance = try LabEntrance(options.directory) else {
            throw CommandFault(
                "“lab why” looks from the lab's own machine, and no lab runs in \(options.directory.path)",
                remedy: "Run it there, or name the directory with --state-dir", status: 2)
        }
        let app = try await client.requestApp(.get, name).decode(AppView.self)
        let walk = try ReachabilityWalk(entrance, app: app, upstream: try await upstream(of: app, client))
        let terminal: Terminal? = options.json ? nil : .standardOutput
        let steps = await walk.run { step in
            guard let terminal else { return }
            let mark = step.isRight ? Condition.Status.true : .false
            let title = step.title.padded(to: 12)
            terminal.paragraph([.init("  "), mark.mark, .init(" "), .init(title, .bold), .init(" ")], step.message)
            if let remedy = step.remedy { terminal.paragraph([.init("    → ")], remedy) }
        }
        let wrong = steps.first { !$0.isRight }
        if options.json {
            let document: JSONValue = [
                "name": .string(name), "isReachable": .boolean(wrong == nil),
                "wrong": wrong.map { .string($0.title) } ?? .null,
                "steps": .array(
                    steps.map { step in
                        [
                            "step": .string(step.title), "isRight": .boolean(step.isRight),
                            "message": .string(step.message), "remedy": step.remedy.map { .string($0) } ?? .null,
                        ]
                    }),
            ]
            Terminal.standardOutput.line(try JSONText(encoding: document).text)
        } else if wrong == nil {
            terminal?.line("  Everything is right from outside.")
        }
        if wrong != nil { throw ExitCode(1) }
    }

    /// Where the proxy looks for it: of an app in containers that is its route's, once it has one.
    private func upstream(of app: AppView, _ client: LabClient) async throws -> String? {
        struct Route: Decodable {
            struct Spec: Decodable {
                let upstream: String
            }
            let spec: Spec
        }
        if let upstream = app.spec.upstream { return upstream }
        do {
            return try await client.get("/v1/routes/\(try PathSegment(name).text)", as: Route.self).spec.upstream
        } catch let problem as Problem where problem.reason == .notFound {
            return nil
        }
    }
}

/// Where a lab of this machine is entered: its resolver, its proxy, and the authority that is to be believed.
struct LabEntrance {
    let domain: String
    /// `127.0.0.1:53`
    let dns: String
    /// `https://127.0.0.1:443`
    let https: String
    /// The path of a PEM file.
    let authority: String
    /// Whether what the proxy reaches is reached from the machine itself too.
    let isInside: Bool

    /// nil when no lab runs in the directory, and no platform in containers was set up from it.
    init?(_ directory: StateDirectory) throws {
        if let info = try directory.info() {
            (domain, dns, https, authority, isInside) = (info.domain, info.dns, info.https, info.ca, true)
            return
        }
        let files = PlatformAddress.Files(directory)
        guard let platform = try files.read() else { return nil }
        domain = platform.domain.text
        dns = platform.local(port: platform.dnsPort)
        https = "https://" + platform.local(port: platform.port)
        authority = files.authority
        isInside = false
    }
}
