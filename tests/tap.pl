#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Run TAP programs as prove(1) does, on the same library, and keep count:
#
#   perl tests/tap.pl [--jobs N] [--tier NAME] [--disk] PROGRAM...
#
# A *.sh is run by sh, a *.py by python3.  Where $TALLY names a file, a line
# "passed failed skipped name" is added to it for each program.  What a
# sanitizer has to say about any process, daemons included, is a failure.
use strict;
use warnings;
use Getopt::Long;
use TAP::Harness;

my ($jobs, $tier, $disk) = (1, 'tests', 0);
GetOptions('jobs=i' => \$jobs, 'tier=s' => \$tier, 'disk' => \$disk) or exit 2;

# With --jobs, those that take longest come first, or the last one would run
# alone: on an idle machine, each of these takes 10 seconds and more.
my %slow = map { $_ => 1 } qw(test_version test_reads test_reads_keyd
    test_reads_store test_journal test_trust_counts test_intake test_proofread
    mount-loaders.sh mount-recovers.sh sign-and-promote.sh
    verify-before-sign.sh trust-roots.sh put-resume-after-kill.sh
    rollback-matrix.sh session-refresh.sh lists-go-on.sh
    power-cut.sh kill-at-random.sh damaged-store.sh injected-faults.sh);
@ARGV = ((grep { $slow{s/.*\///r} } @ARGV), (grep { !$slow{s/.*\///r} } @ARGV))
    if $jobs > 1;

# What a program's run was worth.  Tests that were planned and did not run
# have failed; so has a program that exits badly after all tests were well.
sub count {
	my ($p) = @_;
	return (0, 0, 1) if defined $p->skip_all;

	my $skipped = () = $p->skipped;
	my $passed = () = $p->passed;
	my $failed = () = $p->failed;
	my $missing = ($p->tests_planned || 0) - ($p->tests_run || 0);

	$failed += $missing if $missing > 0;
	$failed = 1 if !$failed && $p->has_problems;
	return ($passed - $skipped, $failed, $skipped);
}

# One that hangs is ended; the slowest sanitizer leaves it time enough.  It is in
# a process group of its own then: what ends this program ends it, too.
sub command {
	my ($harness, $file) = @_;
	my @patient = qw(setpriv --pdeathsig TERM timeout -k 60 1800);

	return [@patient, 'sh', $file] if $file =~ /\.sh$/;
	return [@patient, 'python3', $file] if $file =~ /\.py$/;
	# cmocka 1.1.5 says "not ok" of a test that was skipped, and sums up.
	return ['bash', '-o', 'pipefail', '-c',
	    "@patient " . '"$0" | sed -u -e "/^# ok - /d" ' .
	    '-e "s/^not ok \\([0-9]* # SKIP\\)/ok \\1/"', $file];
}

# Most of the time of many tests is the disk's.  Where memory does as well for
# them, it is made use of: 4 GB of it, and programs may be run there.  Those of
# tests/crash, which are about the disk, stay away from it (--disk).
sub memory {
	my $dir = '/dev/shm';
	my ($type, $free) = (`stat -f -c '%T %a %S' $dir 2>/dev/null`) =~
	    /^(\S+) (\d+ \d+)$/ or return;
	my ($blocks, $size) = split / /, $free;
	my $probe = "$dir/weir-probe.$$";

	return unless $type eq 'tmpfs' && $blocks * $size >= 4e9;
	system("cp /bin/true $probe 2>/dev/null && $probe 2>/dev/null");
	my $runs = $? == 0;
	unlink $probe;
	return $runs ? $dir : ();
}
$ENV{TMPDIR} //= ($disk ? undef : memory()) // '/tmp';

$ENV{CMOCKA_MESSAGE_OUTPUT} = 'TAP';
$ENV{PATH} = "$ENV{BUILD}:$ENV{PATH}" if defined $ENV{BUILD};

# The sanitizers' reports go to files here, which any user may write.
my $reports = ($ENV{BUILD} // 'build') . '/sanitizer';
if ($ENV{SAN}) {
	mkdir $reports;
	chmod 01777, $reports;
	unlink glob "$reports/*";
	$ENV{$_} = join ':', "log_path=$reports/report", $ENV{$_} // ()
	    for qw(ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS);
	# The leak checker reads /proc, which Landlock keeps from a mount's
	# worker and from the verifier; unit tests look for leaks.
	$ENV{ASAN_OPTIONS} .= ':detect_leaks=0' if grep /\.sh$/, @ARGV;
}

my @sum = (0, 0, 0);
if (@ARGV) {
	my $harness = TAP::Harness->new({
		exec => \&command, jobs => $jobs, failures => 1, comments => 1,
		color => 0, timer => 1,
	});
	my $results = $harness->runtests(@ARGV);
	my $tally;

	open $tally, '>>', $ENV{TALLY} or die "$ENV{TALLY}: $!\n"
	    if defined $ENV{TALLY};
	for my $file (@ARGV) {
		my @n = count($results->parsers($file));

		$sum[$_] += $n[$_] for 0 .. 2;
		print $tally "@n $tier: $file\n" if $tally;
	}
	for my $report ($ENV{SAN} ? glob "$reports/*" : ()) {
		open my $f, '<', $report or next;
		my @lines = <$f>;

		print STDERR @lines > 200 ? @lines[0 .. 199] : @lines;
		$sum[1]++;
		print $tally "0 1 0 $tier: $report\n" if $tally;
	}
}
printf "%s: %d passed, %d failed, %d skipped\n", $tier, @sum;
exit($sum[1] != 0);
