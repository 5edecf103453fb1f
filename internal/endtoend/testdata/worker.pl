#!/usr/bin/perl
# A worker without an SDK: it reads calls from stdin and writes answers to stdout, a line each.
use strict;
use warnings;
use JSON::PP;

$| = 1;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my %methods = (
    add => sub { $_[0] + $_[1] },
    fail => sub { die "$_[0]\n" },
    sleep => sub { select undef, undef, undef, $_[0]; 'slept' },
    pid => sub { $$ },
    effect => sub {
        my ($path, $name, $seconds) = @_;
        open my $file, '>>', $path or die "$path: $!\n";
        syswrite $file, "$name\n";
        close $file;
        select undef, undef, undef, $seconds // 0;
        $name;
    },
);

while (my $line = <STDIN>) {
    my $call = $json->decode($line);
    next unless defined $call->{id};
    my %answer = (jsonrpc => '2.0', id => $call->{id});
    if (my $method = $methods{ $call->{method} }) {
        my $result = eval { $method->(@{ $call->{params} // [] }) };
        if ($@) {
            chomp(my $message = $@);
            $answer{error} = { code => 1, message => $message, data => { type => 'PerlError' } };
        } else {
            $answer{result} = $result;
        }
    } else {
        $answer{error} = { code => -32601, message => "no method $call->{method}" };
    }
    print $json->encode(\%answer), "\n";
}
